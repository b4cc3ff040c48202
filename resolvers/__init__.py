"""How a field gets its value: resolvers, loaders, caches, events and, at the bottom, the upstreams."""
