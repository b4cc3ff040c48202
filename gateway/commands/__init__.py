"""The commands of `gateway`, one module each, with the modules they share."""
