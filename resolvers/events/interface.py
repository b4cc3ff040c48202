"""What resolvers ask of status changes, told here so that accounts can carry it without knowing how it is done."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from resolvers.events.changes import TrackedRecord
from resolvers.events.start import Start
from resolvers.events.status_event import StatusEvent, StatusEventSource


class StatusChanges(Protocol):
    """Follows and tells status changes; process lifetime. Accounts are `Any` here, against a circle."""

    @property
    def version(self) -> int:
        """To be noted before a mutation begins, for `record_changed`."""
        ...

    async def check(self) -> None:
        """Make sure that a subscription can begin now.

        Raises:
            EventsUnavailable: It cannot, and may later.
        """
        ...

    def follow(
        self,
        account: Any,  # noqa: ANN401 - see the class
        ids: Sequence[str],
        after: str | None,
        start: Start | None = None,
    ) -> AsyncGenerator[StatusEvent, None]:
        """The events of some things: see the contract's `statusChanged`."""
        ...

    async def record_changed(
        self,
        account: Any,  # noqa: ANN401 - see the class
        record: TrackedRecord,
        since: int,
        source: StatusEventSource,
    ) -> None:
        """Tell the subscribers of a record that somebody has just changed or read; nothing is raised."""
        ...
