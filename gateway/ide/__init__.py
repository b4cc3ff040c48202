"""The browser page at GET /graphql: GraphiQL as built in `frontend/`, its examples and its security headers."""
