"""The types of record of each upstream: what the catalogue holds of them, and how they are fetched and kept."""
