"""The simulators, over real sockets, as their documents describe them."""
