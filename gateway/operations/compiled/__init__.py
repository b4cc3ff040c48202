"""Execution by functions made for each document: what they do not cover is graphql-core's, with the same response."""
