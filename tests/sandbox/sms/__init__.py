"""The simulated SMS service."""
