"""What operators set, and what they are told when it is wrong."""
