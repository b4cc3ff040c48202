"""Parts of the benchmarks: static upstreams, server processes, load, and the measurements."""
