"""What the other packages use of status changes: their interface, and the costs of a subscription's start.

An account carries `StatusChanges` as a protocol, so that accounts do not depend on the implementation.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from resolvers.events.changes import TrackedRecord
from resolvers.events.status_event import StatusEvent, StatusEventSource
from resolvers.upstreams.call import CallTrace


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
    """Follows and reports status changes; process lifetime. Accounts are `Any` here, to avoid a circular import."""

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
    ) -> AsyncGenerator[StatusEvent, None]:
        """Iterate over the events of some records: `statusChanged` in the schema."""
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
