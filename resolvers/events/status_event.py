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
    PROBLEM = "PROBLEM"


class StatusEventSource(Enum):
    """How the gateway learnt of a change."""

    WEBHOOK = "WEBHOOK"
    POLL = "POLL"
    MUTATION = "MUTATION"


class StatusProblem(msgspec.Struct, frozen=True):
    """What keeps one id from being followed, or from being read at the moment.

    Args:
        code: Of the error.
        message: Of the error.
        subject_id: The id as the client gave it.
        retryable: Whether the same id may be followed later.
    """

    code: str
    message: str
    subject_id: str
    retryable: bool


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a subscription; `node` is None in a GAP and in a PROBLEM, which alone has a `problem`."""

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
    """The problem that an error is for one id."""
    return StatusProblem(error.code, error.message, subject_id, error.retryable)
