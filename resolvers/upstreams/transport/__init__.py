"""The policies around an upstream, one a file, and the wire inside them."""
