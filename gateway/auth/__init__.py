"""Who may get in: API keys, JSON Web Tokens, sessions of people, and what each of them may do."""
