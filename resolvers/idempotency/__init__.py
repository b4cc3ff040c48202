"""Idempotency keys: a change that is requested twice under one key is made once."""
