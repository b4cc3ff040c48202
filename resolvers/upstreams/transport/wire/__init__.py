"""The wire: one call becomes one HTTP exchange, and whatever goes wrong on the way becomes one of our errors."""
