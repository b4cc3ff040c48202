"""Status changes: the event log, its sources (webhooks, polls, mutations), and the subscriptions to it."""
