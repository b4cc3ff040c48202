"""Loaders: the records that one operation reads, batched and read once."""
