"""Whole operations, from a client's socket to the simulators and back."""
