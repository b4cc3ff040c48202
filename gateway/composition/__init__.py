"""Builds the parts of a gateway from its settings; gateway/app.py puts them together."""
