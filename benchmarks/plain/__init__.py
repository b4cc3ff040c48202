"""The plain server for comparison: Strawberry, httpx and DataLoaders as in their documentation."""
