"""Tests of the project itself: what its documents promise, its files, its locks, its image."""
