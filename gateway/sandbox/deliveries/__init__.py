"""The simulator of the send-tasks API."""
