"""Executes operations by functions generated for each document; graphql-core executes what they do not cover."""
