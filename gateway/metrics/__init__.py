"""What the gateway counts and how it stands, for Prometheus."""
