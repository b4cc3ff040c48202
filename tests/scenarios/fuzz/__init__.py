"""Generated operations, sent to a whole gateway over simulated upstreams."""
