"""The inputs of the schema: each checks its values before any call, and converts them to what is sent upstream."""
