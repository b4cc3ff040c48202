"""The wire: one call becomes one HTTP exchange, and each failure of that becomes an error of the gateway."""
