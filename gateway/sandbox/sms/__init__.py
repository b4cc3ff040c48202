"""The simulator of the SMS service."""
