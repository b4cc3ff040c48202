"""From a client down to the socket: the wire, and the policies wrapped around it, one a file."""
