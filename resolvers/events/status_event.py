"""The events of a subscription, as resolvers return them."""

from datetime import datetime
from enum import Enum

import msgspec

from resolvers.errors import GatewayError
from resolvers.upstreams.names import Progress


class StatusEventKind(Enum):
    """The kind of an event."""

    SNAPSHOT = "SNAPSHOT"
    CHANGE = "CHANGE"
    GAP = "GAP"
    PROBLEM = "PROBLEM"


class StatusEventSource(Enum):
    """How the gateway learnt of a change."""

    WEBHOOK = "WEBHOOK"
    POLL = "POLL"
    MUTATION = "MUTATION"


class StatusProblem(msgspec.Struct, frozen=True):
    """The reason why an id cannot be followed, or cannot be read at the moment.

    Args:
        code: The error's code.
        message: The error's message.
        subject_id: The id as the client gave it.
        retryable: Whether the same id may be followed later.
    """

    code: str
    message: str
    subject_id: str
    retryable: bool


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a subscription. GAP and PROBLEM have no `node`; only PROBLEM has a `problem`."""

    kind: StatusEventKind
    cursor: str
    occurred_at: datetime
    node: object | None = None
    problem: StatusProblem | None = None
    progress: Progress | None = None
    previous_progress: Progress | None = None
    raw_status: str | None = None
    previous_raw_status: str | None = None
    source: StatusEventSource | None = None


def problem_of(error: GatewayError, subject_id: str) -> StatusProblem:
    """Return the problem of one id for an error."""
    return StatusProblem(error.code, error.message, subject_id, error.retryable)
