"""The simulated logistics API."""
