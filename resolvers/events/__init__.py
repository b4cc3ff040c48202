"""Status changes: one log of them, what feeds it (webhooks, polls, mutations) and who follows it."""
