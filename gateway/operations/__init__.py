"""From a GraphQL request to the bytes of its answer: documents, execution, and what a client sees of errors."""
