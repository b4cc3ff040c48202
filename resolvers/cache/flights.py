"""Calls on their way, and who waits for them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from resolvers.cache.reading import Reading
from resolvers.upstreams.call import CallScope

ABANDONED_SECONDS: Final = 0.05
"""How long a call goes on for nobody: a query of several callers whose first has left is begun anew meanwhile."""


class Flight:
    """One record on its way, for everybody who asked for it meanwhile; lives until it lands or nobody waits.

    Args:
        key: Where the record is kept.
        record_id: The upstream's own id, or the question.
        mark: Where the invalidations stood when it was asked for.
        tags: The keys of the lists that the record is a page of.
        fleet: Those that are fetched together.

    Attributes:
        token: What Redis held of the key's last invalidation when the flight looked there.
        landed: Whether it is over.
        waiting: Who waits, and for which operation; some may have given up.
    """

    __slots__ = ("fleet", "key", "landed", "mark", "record_id", "tags", "token", "waiting")

    def __init__(self, key: str, record_id: str, mark: int, tags: Sequence[str], fleet: "Fleet") -> None:
        self.key = key
        self.record_id = record_id
        self.mark = mark
        self.tags = tags
        self.fleet = fleet
        self.token = ""
        self.landed = False
        self.waiting: dict[asyncio.Future[Any], Reading] = {}
        fleet.flights.append(self)

    def join(self, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        """Wait for the record, until it is there or the operation gives up."""
        self.waiting[waiter] = reading
        reading.awaits(self)

    def end(self) -> "dict[asyncio.Future[Any], Reading]":
        """It is over; whoever waited is still to be told."""
        self.landed = True
        waiting, self.waiting = self.waiting, {}
        return waiting

    def leave(self) -> None:
        """An operation that waited has given up; the call for it goes on while anybody else waits."""
        if not self.landed:
            self.waiting = {waiter: reading for waiter, reading in self.waiting.items() if not waiter.done()}
            if not self.waiting:
                self.fleet.someone_left()


class Fleet:
    """The flights that one task gets home together; lives until they have landed.

    Args:
        scope: Of the shared call: its own deadline, so that an impatient caller never shortens another's.
        abandoned: Called when the last of the waiting has given up, and nobody came in their place.
        background: It goes on without anybody waiting: a refresh.
    """

    __slots__ = ("_abandoned", "background", "flights", "scope", "task")

    def __init__(self, scope: CallScope, abandoned: "Callable[[Fleet], None]", *, background: bool) -> None:
        self.scope = scope
        self.background = background
        self.flights: list[Flight] = []
        self.task: asyncio.Task[None] | None = None
        self._abandoned = abandoned

    def someone_left(self) -> None:
        """Cancel the task unless somebody wants what it gets, now or in a moment."""
        if self._is_for_nobody():
            asyncio.get_running_loop().call_later(ABANDONED_SECONDS, self._abandon)

    def _abandon(self) -> None:
        if self._is_for_nobody() and self.task is not None:
            self._abandoned(self)
            self.task.cancel()

    def _is_for_nobody(self) -> bool:
        if self.background or self.task is None or any(flight.waiting for flight in self.flights):
            return False
        return not all(flight.landed for flight in self.flights)

    def on_their_way(self) -> list[Flight]:
        """The flights that have not landed."""
        return [flight for flight in self.flights if not flight.landed]

    def end(self) -> None:
        """Let go of the flights and the task, which hold on to it: only the garbage collector could free them."""
        self.flights = []
        self.task = None
