"""What the gateway says of itself: the log and metrics."""
