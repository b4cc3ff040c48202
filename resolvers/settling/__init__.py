"""Looks at an upstream for what a request of unknown outcome has made there."""
