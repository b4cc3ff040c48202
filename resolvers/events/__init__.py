"""Status changes: the event log, what it learns from (webhooks, polls, mutations), and the subscriptions to it."""
