"""Strawberry, httpx and DataLoaders as their documentation shows them: what the gateway is compared with."""
