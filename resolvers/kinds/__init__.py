"""The types of record of each upstream, and the kinds that they are fetched and kept as."""
