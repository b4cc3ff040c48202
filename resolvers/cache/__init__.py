"""What is remembered of the upstreams' records: in this process, in Redis, and while calls are on their way."""
