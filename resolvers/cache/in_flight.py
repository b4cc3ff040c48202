"""Calls on their way, and who waits for them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from resolvers.cache.read_set import ReadSet
from resolvers.upstreams.call import CallScope

ABANDONED_SECONDS: Final = 0.05
"""How long a call goes on for nobody: a query of several callers whose first has left is begun anew meanwhile."""


class InFlight:
    """One record on its way, for everybody who asked for it meanwhile; lives until it lands or nobody waits.

    Args:
        key: Where the record is kept.
        record_id: The upstream's own id, or the question.
        mark: Where the invalidations stood when it was asked for.
        tags: The keys of the lists that the record is a page of.
        batch: Those that are fetched together.

    Attributes:
        token: What Redis held of the key's last invalidation when the read in flight looked there.
        landed: Whether it is over.
        waiting: Who waits, and for which operation; some may have given up.
    """

    __slots__ = ("batch", "key", "landed", "mark", "record_id", "tags", "token", "waiting")

    def __init__(self, key: str, record_id: str, mark: int, tags: Sequence[str], batch: "Batch") -> None:
        self.key = key
        self.record_id = record_id
        self.mark = mark
        self.tags = tags
        self.batch = batch
        self.token = ""
        self.landed = False
        self.waiting: dict[asyncio.Future[Any], ReadSet] = {}
        batch.in_flight_reads.append(self)

    def join(self, waiter: "asyncio.Future[Any]", reading: ReadSet) -> None:
        """Wait for the record, until it is there or the operation gives up."""
        self.waiting[waiter] = reading
        reading.awaits(self)

    def end(self) -> "dict[asyncio.Future[Any], ReadSet]":
        """It is over; whoever waited is still to be told."""
        self.landed = True
        waiting, self.waiting = self.waiting, {}
        return waiting

    def leave(self) -> None:
        """An operation that waited has given up; the call for it goes on while anybody else waits."""
        if not self.landed:
            self.waiting = {waiter: reading for waiter, reading in self.waiting.items() if not waiter.done()}
            if not self.waiting:
                self.batch.someone_left()


class Batch:
    """The reads in flight that one task gets home together; lives until they have landed.

    Args:
        scope: Of the shared call: its own deadline, so that an impatient caller never shortens another's.
        abandoned: Called when the last of the waiting has given up, and nobody came in their place.
        background: It goes on without anybody waiting: a refresh.
    """

    __slots__ = ("_abandoned", "background", "in_flight_reads", "scope", "task")

    def __init__(self, scope: CallScope, abandoned: "Callable[[Batch], None]", *, background: bool) -> None:
        self.scope = scope
        self.background = background
        self.in_flight_reads: list[InFlight] = []
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
        if self.background or self.task is None or any(in_flight.waiting for in_flight in self.in_flight_reads):
            return False
        return not all(in_flight.landed for in_flight in self.in_flight_reads)

    def on_their_way(self) -> list[InFlight]:
        """The reads in flight that have not landed."""
        return [in_flight for in_flight in self.in_flight_reads if not in_flight.landed]

    def end(self) -> None:
        """Let go of the reads in flight and the task, which hold on to it: only garbage collection could free them."""
        self.in_flight_reads = []
        self.task = None
