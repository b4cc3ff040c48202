"""Execution by functions made for each document: what they do not cover goes to graphql-core, with the same answer."""
