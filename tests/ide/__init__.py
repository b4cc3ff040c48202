"""Tests of the page at GET /graphql."""
