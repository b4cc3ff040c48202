"""The endpoint: GraphQL over HTTP, from the socket to an operation and back, and nothing of what an operation is."""
