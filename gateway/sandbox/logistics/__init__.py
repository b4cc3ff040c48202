"""The simulator of the logistics API."""
