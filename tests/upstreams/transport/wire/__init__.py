"""The wire: calls over sockets, to servers that talk as they please."""
