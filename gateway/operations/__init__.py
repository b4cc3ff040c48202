"""From a GraphQL request to the bytes of its response: documents, execution, and what a client sees of errors."""
