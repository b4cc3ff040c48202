"""What a client may say: types, inputs, query, mutation, subscription; no I/O and none of the upstreams' words."""
