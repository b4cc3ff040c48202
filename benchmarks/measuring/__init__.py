"""What the benchmarks are made of: upstreams that cost nothing, servers, load, and one file for each figure."""
