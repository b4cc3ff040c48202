"""Responses: the cache, the encoding, the report of errors and of stale fields."""
