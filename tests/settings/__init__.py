"""The settings, and the messages about invalid ones."""
