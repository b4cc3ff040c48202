"""Each simulator is asked over real sockets, as its document says."""
