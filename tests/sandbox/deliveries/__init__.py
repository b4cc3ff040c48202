"""The simulated send-tasks API."""
