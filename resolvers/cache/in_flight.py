"""Reads in flight, and the operations that wait for them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from resolvers.cache.read_set import ReadSet
from resolvers.upstreams.call import CallScope

ABANDONED_SECONDS: Final = 0.05
"""How long a read that others can join goes on without a waiter."""


class InFlight:
    """One record being read, for every operation that waits for it; batch lifetime.

    Args:
        key: Where the record is kept.
        record_id: The upstream's own id, or the key of a page's request.
        mark: Where the invalidations stood when the read began.
        tags: The keys of the lists that the record is a page of.
        batch: The reads that one task makes together.

    Attributes:
        token: The key's last invalidation as Redis had it when the read looked there.
        ended: Whether the waiters have their result.
        waiting: The futures to be resolved, and the operation of each; some may have given up.
    """

    __slots__ = ("batch", "ended", "key", "mark", "record_id", "tags", "token", "waiting")

    def __init__(self, key: str, record_id: str, mark: int, tags: Sequence[str], batch: "Batch") -> None:
        self.key = key
        self.record_id = record_id
        self.mark = mark
        self.tags = tags
        self.batch = batch
        self.token = ""
        self.ended = False
        self.waiting: dict[asyncio.Future[Any], ReadSet] = {}
        batch.reads.append(self)

    def join(self, waiter: "asyncio.Future[Any]", read_set: ReadSet) -> None:
        """Add a waiter; the read is told when its operation gives up."""
        self.waiting[waiter] = read_set
        read_set.awaits(self)

    def end(self) -> "dict[asyncio.Future[Any], ReadSet]":
        """End the read and return its waiters, which the caller resolves."""
        self.ended = True
        waiting, self.waiting = self.waiting, {}
        return waiting

    def leave(self) -> None:
        """Drop the waiters of an operation that has given up; the read goes on while there are others."""
        if not self.ended:
            self.waiting = {waiter: read_set for waiter, read_set in self.waiting.items() if not waiter.done()}
            if not self.waiting:
                self.batch.check_wanted()


class Batch:
    """The reads that one task makes together; lives until all have ended.

    Args:
        scope: Of the shared call: its own deadline, so that an impatient operation never shortens another's.
        abandoned: Called when no waiter is left, and none came in time.
        linger: Seconds in which another waiter may come.
        background: It goes on without waiters: a refresh.
    """

    __slots__ = ("_abandoned", "_linger", "background", "reads", "scope", "task")

    def __init__(
        self, scope: CallScope, abandoned: "Callable[[Batch], None]", *, linger: float, background: bool
    ) -> None:
        self.scope = scope
        self.background = background
        self.reads: list[InFlight] = []
        self.task: asyncio.Task[None] | None = None
        self._abandoned = abandoned
        self._linger = linger

    def check_wanted(self) -> None:
        """Cancel the task unless a waiter is left, or comes in time."""
        if self._is_unwanted():
            asyncio.get_running_loop().call_later(self._linger, self._abandon)

    def unfinished(self) -> list[InFlight]:
        """Return the reads that have not ended."""
        return [read for read in self.reads if not read.ended]

    def end(self) -> None:
        """Release the reads and the task, which refer to the batch: only garbage collection could free them."""
        self.reads = []
        self.task = None

    def _abandon(self) -> None:
        if self._is_unwanted() and self.task is not None:
            self._abandoned(self)
            self.task.cancel()

    def _is_unwanted(self) -> bool:
        if self.background or self.task is None or any(read.waiting for read in self.reads):
            return False
        return not all(read.ended for read in self.reads)
