"""How a field gets its value: nouns, loaders, caches, events and, at the bottom, the upstreams."""
