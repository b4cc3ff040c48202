"""What one operation has read and waits for, and the reads in flight that operations wait for together.

Theory of operation of stale reports
------------------------------------
A stale value is noted by the future that it is read through, with its age. An executor that puts the value of such a
future into the response notes the place. A value that no place has helped to make the value of a coroutine: while a
coroutine of a resolver runs, `FIELD` is its place, which the tasks that it starts inherit, and reads note it. So an
operation that reads nothing stale pays a lookup of `FIELD` for each read, and no operation is executed twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Final

from resolvers.cache.kind import CachedKind, HasIdentity
from resolvers.cache.memory import Entry
from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.call import CacheOutcome, CallScope, CallTrace
from resolvers.upstreams.names import UpstreamName

LATE_SHARE: Final = 0.1
"""The last part of an operation's time: a read in flight then is served stale, so that the response is in time."""

ABANDONED_SECONDS: Final = 0.05
"""Seconds for which a read that others can join goes on without a waiter."""


FIELD: Final[ContextVar[Any]] = ContextVar("FIELD", default=None)
"""The place in the response of the field whose coroutine runs, in the executor's own form; None outside of one."""


class ReadSet:
    """What an operation has read, and what it waits for. Lifetime: operation; in a subscription, one event.

    Args:
        account: The account whose credentials fetch.
        scope: The operation's deadline and traces.
        mark: `Invalidations.mark` when the operation began.

    Attributes:
        loop: The event loop that the operation runs in.
        touched: The keys of the entries that the response depends on, and the tags of lists.
        fresh_until: Until when all of them are fresh, by the cache's clock; minus infinity if a part cannot be kept.
        stale: The reads that were given stale values, with the age of each in seconds.
        places: The places in the response that hold the value of a stale read, in the executor's own form.
        fields: The places of the coroutines that requested a read.
        permits_stale: Whether stale records may be served; false once the operation changes something.
    """

    __slots__ = (
        "_awaited",
        "_late",
        "_tasks",
        "_timers",
        "_waiting",
        "account",
        "fields",
        "fresh_until",
        "loop",
        "mark",
        "permits_stale",
        "places",
        "scope",
        "stale",
        "touched",
    )

    def __init__(self, account: HasIdentity, scope: CallScope, mark: int) -> None:
        self.account = account
        self.scope = scope
        self.mark = mark
        self.touched: set[str] = set()
        self.fresh_until = float("inf")
        self.stale: dict[asyncio.Future[Any], float] = {}
        self.places: dict[asyncio.Future[Any], list[Any]] = {}
        self.fields: dict[asyncio.Future[Any], list[Any]] = {}
        self.permits_stale = True
        self._waiting: list[tuple[asyncio.Future[Any], UpstreamName]] = []
        self._awaited: list[InFlight] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._late: list[Callable[[], None]] = []
        self.loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []

    def took(self, key: str, entry: Entry) -> None:
        """Note that the operation was given an entry."""
        self.touched.add(key)
        self.fresh_until = min(self.fresh_until, entry.fresh_until)

    def took_stale(self, read: "asyncio.Future[Any]", age: float) -> None:
        """Note that a read was given a value past its TTL, of an age in seconds."""
        # A relationship and its destination may both be stale.
        self.stale[read] = max(age, self.stale.get(read, 0.0))

    def asked(self, read: "asyncio.Future[Any]") -> None:
        """Note the coroutine that requested a read, if one did."""
        field = FIELD.get()
        if field is not None:
            self.fields.setdefault(read, []).append(field)

    def placed(self, read: "asyncio.Future[Any]", place: object) -> None:
        """Note where in the response the value of a stale read is."""
        self.places.setdefault(read, []).append(place)

    def took_unkept(self) -> None:
        """Note that the response contains a value that is not kept."""
        self.fresh_until = float("-inf")

    def wait(self, upstream: UpstreamName) -> "asyncio.Future[Any]":
        """Return a future for a value, which fails with UpstreamTimeout at the operation's deadline."""
        future: asyncio.Future[Any] = self.loop.create_future()
        self._waiting.append((future, upstream))
        # One timer for all waiters, begun by the first: an operation whose reads are fresh needs none.
        if not self._timers and self.scope.deadline != float("inf"):
            self._timers.append(self.loop.call_at(self.scope.deadline, self._expire))
        return future

    def awaits(self, read: "InFlight") -> None:
        """Leave this read in flight when the operation is cancelled."""
        self._awaited.append(read)

    def owns(self, task: "asyncio.Task[Any]") -> None:
        """Cancel this task when the operation ends."""
        self._tasks.append(task)

    def when_late(self, serve: Callable[[], None]) -> None:
        """Call `serve` shortly before the deadline, to serve a waiter with a stale entry."""
        if not self._late and self.scope.deadline != float("inf"):
            late_at = self.scope.deadline - LATE_SHARE * max(0.0, self.scope.deadline - self.loop.time())
            self._timers.append(self.loop.call_at(late_at, self._serve_late))
        self._late.append(serve)

    def trace(self, kind: CachedKind[Any], record_id: str, cache: CacheOutcome, milliseconds: float = 0.0) -> None:
        """Add the call that this operation did not have to make to its traces, if it is traced."""
        if self.scope.traces is not None and kind.path:
            path = kind.path.replace("{id}", record_id)
            began = self.loop.time() - milliseconds / 1000
            self.scope.traces.append(
                CallTrace(kind.upstream, kind.method, path, None, milliseconds, cache, 0, kind.name, began)
            )

    def leave_cancelled(self) -> None:
        """Leave the reads whose futures were cancelled, while the operation goes on with the others."""
        for read in self._awaited:
            read.leave()

    def cancel(self) -> None:
        """Cancel everything that the operation still waits for."""
        for timer in self._timers:
            timer.cancel()
        for future, _ in self._waiting:
            future.cancel()
        for task in self._tasks:
            task.cancel()
        # Last, because a read drops the waiters that are done by then.
        for read in self._awaited:
            read.leave()

    def _serve_late(self) -> None:
        late, self._late = self._late, []
        for serve in late:
            serve()

    def _expire(self) -> None:
        for future, upstream in self._waiting:
            if not future.done():
                message = f"{upstream.name} did not answer before the operation's time was up; try again later."
                fail(future, UpstreamTimeout(upstream, message))


class InFlight:
    """The read of one record, for all operations that wait for it. Lifetime: its batch.

    Args:
        key: The key of its entry.
        record_id: The upstream's own id, or the key of a page's request.
        mark: `Invalidations.mark` when the read began.
        tags: The tags of the lists that the record is a page of.
        batch: The batch that it belongs to.

    Attributes:
        token: The token of the key's last invalidation, as Redis had it before the fetch.
        ended: Whether the waiters have been resolved.
        waiting: The futures to resolve, with the read set of each one's operation; some may be cancelled.
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
        """Add a waiter, and leave the read when its operation is cancelled."""
        self.waiting[waiter] = read_set
        read_set.awaits(self)

    def end(self) -> "dict[asyncio.Future[Any], ReadSet]":
        """End the read and return its waiters, which the caller resolves."""
        self.ended = True
        waiting, self.waiting = self.waiting, {}
        return waiting

    def leave(self) -> None:
        """Drop the waiters that are cancelled; the read goes on while there are others."""
        if not self.ended:
            self.waiting = {waiter: read_set for waiter, read_set in self.waiting.items() if not waiter.done()}
            if not self.waiting:
                self.batch.check_wanted()


class Batch:
    """The reads that one task makes together. Lifetime: until all have ended.

    Args:
        scope: The deadline and traces of the shared call.
        abandoned: Called before the task is cancelled because no waiter is left.
        linger: Seconds for which the task goes on without a waiter, because another operation may join.
        background: Whether the task goes on without waiters, as a refresh does.
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
        """Cancel the task after `linger` seconds unless it has a waiter then."""
        if self._is_unwanted():
            asyncio.get_running_loop().call_later(self._linger, self._abandon)

    def unfinished(self) -> list[InFlight]:
        """Return the reads that have not ended."""
        return [read for read in self.reads if not read.ended]

    def end(self) -> None:
        """Release the reads and the task."""
        # They refer to the batch, and only the garbage collector would free such a cycle.
        self.reads = []
        self.task = None

    def _abandon(self) -> None:
        if self._is_unwanted() and self.task is not None:
            self._abandoned(self)
            self.task.cancel()

    def _is_unwanted(self) -> bool:
        if self.background or self.task is None or any(read.waiting for read in self.reads):
            return False
        # Once all have ended, the task only writes to Redis, and is let finish.
        return not all(read.ended for read in self.reads)


def fail(waiter: "asyncio.Future[Any]", error: Exception) -> None:
    """Fail a waiter."""
    waiter.set_exception(error)
    # Retrieved, because a value that was fetched ahead may never be awaited, and asyncio would log its error.
    waiter.exception()
