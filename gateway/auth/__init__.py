"""Authentication: API keys, JSON Web Tokens and sessions, and the account and scopes of each caller."""
