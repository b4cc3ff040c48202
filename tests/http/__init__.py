"""GraphQL over HTTP, asked over real sockets."""
