"""Logins with the callers' own logistics accounts: the OAuth routes, the sessions they open, and their stores."""
