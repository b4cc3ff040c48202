"""Redis with TLS and with few rights, with sentinels, and as a cluster."""
