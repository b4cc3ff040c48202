"""Documents: parsing, validation, limits, and those that are persisted."""
