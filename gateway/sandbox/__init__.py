"""The three upstreams simulated as HTTP servers on loopback, written from the documents; imports nothing of ours."""
