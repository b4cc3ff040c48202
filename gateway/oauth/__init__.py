"""Logistics accounts of the callers themselves: the login, the sessions that it opens, and where they are kept."""
