"""GraphQL over HTTP: one ASGI endpoint, the parts of its requests and responses, and the server's protocols."""
