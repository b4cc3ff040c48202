"""The cache of records, alone and through the gateway."""
