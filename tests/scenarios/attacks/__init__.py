"""The attacks that the gateway stands, each with the code that it answers."""
