"""The command line, mostly by starting it as operators do."""
