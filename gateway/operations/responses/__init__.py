"""Responses: kept, encoded, and what they report of errors."""
