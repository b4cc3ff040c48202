"""The commands of `gateway`: one file each, what they share beside them."""
