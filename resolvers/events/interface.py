"""What the other packages use of status changes: the events, what follows and reports them, a subscription's start.

An account carries `StatusChanges` as a protocol, so that accounts do not depend on the implementation.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

import msgspec

from resolvers.errors import GatewayError
from resolvers.upstreams.call import CallContext, CallTrace
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
    """One event of a subscription, as resolvers return it.

    Args:
        kind: The kind of the event.
        cursor: Resumes the subscription after this event.
        occurred_at: When the record changed; for GAP and PROBLEM, when the gateway noticed.
        node: The record; None for GAP and PROBLEM.
        problem: What is wrong with one id; for PROBLEM only.
        progress: The record's status, in the words of all upstreams.
        previous_progress: The status before the change; None if it is not known.
        raw_status: The record's status, in the upstream's own word.
        previous_raw_status: The upstream's word before the change; None if it is not known.
        source: How the gateway learnt of the change.
        noticed_at: When that began, in seconds since 1970; 0 where it is not known, or no matter because the change is
            an old one that a resumed subscription missed.
        calls: Those of the read that found the change, if it was one of this process.
    """

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
    noticed_at: float = 0.0
    calls: tuple[CallTrace, ...] = ()


def problem_of(error: GatewayError, subject_id: str) -> StatusProblem:
    """Return the problem of one id for an error."""
    return StatusProblem(error.code, error.message, subject_id, error.retryable)


class TrackedRecord(Protocol):
    """A record whose status can be followed."""

    @property
    def id(self) -> str:
        """The global ID."""
        ...

    @property
    def progress(self) -> Progress:
        """The status, in the words of all upstreams."""
        ...

    @property
    def raw_status(self) -> str:
        """The status, in the upstream's own word."""
        ...

    @property
    def final(self) -> bool:
        """Whether the status can no longer change."""
        ...


class Start:
    """Collects the upstream calls of a subscription's start, until each followed record was read once.

    Args:
        settle: Charges the caller for these calls; called once.

    Attributes:
        traces: The calls so far: of reads that this subscription was the first to request, and of its events.
        over: Whether the start is over; later calls are not charged.
    """

    def __init__(self, settle: Callable[[Iterable[CallTrace]], Awaitable[object]]) -> None:
        self._settle = settle
        self.traces: list[CallTrace] = []
        self.over = False

    async def end(self) -> None:
        """End the start and charge for its calls."""
        if not self.over:
            self.over = True
            await self._settle(self.traces)


class StatusChanges(Protocol):
    """Follows and reports status changes. Lifetime: process. Accounts are `Any` here, to avoid a circular import."""

    @property
    def version(self) -> int:
        """The log's version, to be read before a mutation begins and passed to `record_changed`."""
        ...

    async def check(self) -> None:
        """Check that a subscription can begin now.

        Raises:
            EventsUnavailable: It cannot begin now, but may later.
        """
        ...

    def follow(
        self,
        account: Any,  # noqa: ANN401 - see the class
        ids: Sequence[str],
        after: str | None,
        start: Start | None = None,
        carried: CallContext | None = None,
    ) -> AsyncGenerator[StatusEvent, None]:
        """Iterate over the events of some records: `statusChanged` in the schema."""
        ...

    def follow_board(
        self,
        account: Any,  # noqa: ANN401 - see the class
        kind: str,
        local_id: str,
        after: str | None,
        start: Start | None = None,
        carried: CallContext | None = None,
    ) -> AsyncGenerator[Any, None]:
        """Iterate over the events of a board: `changes` in the schema."""
        ...

    async def record_changed(
        self,
        account: Any,  # noqa: ANN401 - see the class
        record: TrackedRecord,
        since: int,
        source: StatusEventSource,
    ) -> None:
        """Report a record that was just changed or read to its subscriptions; never raises."""
        ...
