"""Webhooks of the upstreams."""
