"""The cache of the upstreams' records: in this process, in Redis, and while reads are in flight."""
