"""SMS jobs: one, lists of them, and the data centres that hold them."""
