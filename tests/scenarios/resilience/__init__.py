"""A gateway in trouble: what its callers get while upstreams, Redis or other callers misbehave."""
