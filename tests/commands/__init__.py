"""The commands, mostly started as processes."""
