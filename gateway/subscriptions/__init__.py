"""GraphQL over long-lived connections: the runs of subscriptions and the three transports that carry their events."""
