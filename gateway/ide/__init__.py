"""The browser page at GET /graphql: GraphiQL as `frontend/` builds it, its examples and its security headers."""
