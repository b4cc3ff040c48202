"""The clients of the three upstreams, each against a real server on loopback."""
