"""What an operator may set about connections that stay open."""

import msgspec

from gateway.settings.model import Settings


class SubscriptionsConfig(msgspec.Struct, frozen=True):
    """Bounds and intervals of connections that stay open; a value.

    Attributes:
        deadline_seconds: What each event may take from the source to its answer, and what a query may take in all.
        max_message_bytes: The largest request over HTTP; a WebSocket's messages are bounded by the server itself.
        connections_per_caller: How many connections a caller may have open in this process.
        operations_per_connection: How many operations may run over one WebSocket at the same time.
        init_seconds: How long a WebSocket may stay open without `connection_init`.
        keep_alive_seconds: The interval between two signs of life on an open connection.
        farewell_seconds: How long a client that does not read may hold up its own end.
    """

    deadline_seconds: float = 15.0
    max_message_bytes: int = 1_048_576
    connections_per_caller: int = 100
    operations_per_connection: int = 50
    init_seconds: float = 10.0
    keep_alive_seconds: float = 25.0
    farewell_seconds: float = 1.0


def subscriptions_config(settings: Settings) -> SubscriptionsConfig:
    """What the settings say about connections that stay open."""
    return SubscriptionsConfig(
        deadline_seconds=settings.deadline_seconds,
        max_message_bytes=settings.max_body_bytes,
        connections_per_caller=settings.events.connections_per_caller,
        operations_per_connection=settings.events.subscriptions_per_connection,
        init_seconds=settings.events.init_timeout_seconds,
        keep_alive_seconds=settings.events.ping_seconds,
    )
