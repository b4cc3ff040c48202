"""Operations that stay open: a subscription's run, and the transports that carry its events to a client."""
