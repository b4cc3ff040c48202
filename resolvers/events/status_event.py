"""What a subscriber is told."""

from datetime import datetime
from enum import Enum

import msgspec

from resolvers.errors import GatewayError
from resolvers.upstreams.names import Progress


class StatusEventKind(Enum):
    """What an event tells."""

    SNAPSHOT = "SNAPSHOT"
    CHANGE = "CHANGE"
    GAP = "GAP"


class StatusEventSource(Enum):
    """How the gateway learnt of a change."""

    WEBHOOK = "WEBHOOK"
    POLL = "POLL"
    MUTATION = "MUTATION"


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a subscription; `node` is None in a GAP."""

    kind: StatusEventKind
    cursor: str
    occurred_at: datetime
    node: object | None = None
    progress: Progress | None = None
    previous_progress: Progress | None = None
    raw_status: str | None = None
    previous_raw_status: str | None = None
    source: StatusEventSource | None = None


class StatusProblem(Exception):
    """One id cannot be followed; the others can.

    It is an event of the stream like any other, and graphql-core raises an event that is an exception: that one answer
    has `data: null` and the error, and the stream goes on.

    Args:
        error: Why.
        id: The id as the client gave it.
        cursor: Where a subscription goes on that need not be told this again.
    """

    def __init__(self, error: GatewayError, id: str, cursor: str) -> None:  # noqa: A002 - the contract's name
        super().__init__(error.message)
        self.error = error
        self.id = id
        self.cursor = cursor
