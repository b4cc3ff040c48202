"""A tiny fourth upstream: all that one adds to the gateway from outside of it, a file for each step of the recipe."""
