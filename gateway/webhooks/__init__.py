"""Webhooks of the upstreams: who may send them, and what they change."""
