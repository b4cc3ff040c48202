"""Reads records past every cache, and has the log compare what was read.

Theory of operation
-------------------
Subscriptions `look`, polls, webhooks and mutations `read`. Requests for the same record share one read, and all reads
requested in one turn of the event loop share loaders, and so batched upstream calls::

    look / read -> queued -- end of the turn --> fetching from upstream -> comparing with the log -> RecordRead
       |             |                              |                        |
       |             `-- a later look or read joins |-- a look joins         |-- KNOWN, CHANGED: done, kept as recent
       `-- a look is answered by a recent read      `-- no waiter is left:   |-- OUTRUN: read again
                                                        cancelled            `-- LATE: read again after CONFIRM_SECONDS

A `read` never joins a fetch that has begun, because the change that it is about may be later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from resolvers.accounts import Account
from resolvers.cache.reads import ReadSet
from resolvers.cache.records import pass_through
from resolvers.catalogue import followed_type
from resolvers.events.boards import BoardRead
from resolvers.events.changes import Change, Observation, RecordKey, RecordRead
from resolvers.events.interface import StatusEventSource, TrackedRecord
from resolvers.events.log import EventLog, LogUnreachable, Recorded, Verdict
from resolvers.events.pending_reads import PendingRead, SharedLoaders, calls_about
from resolvers.later import mark_retrieved, stop
from resolvers.loading.loaders import RecordLoaders
from resolvers.upstreams.call import CallContext, CallScope, CallTrace

READ_SECONDS: Final = 10.0
"""Time limit of one read. No operation waits for a read, but the SNAPSHOTs of other records do."""

MAX_BOARDS: Final = 500
"""Boards whose records are remembered."""
MAX_ATTEMPTS: Final = 3
CONFIRM_SECONDS: Final = 1.0
"""Pause before the read that confirms a status dated too early: a lagging replica of the upstream has caught up by
then."""

MAX_RECENT: Final = 10_000

MAX_CALLS: Final = 1_000
"""Records whose last read's calls are remembered."""


class Reader:
    """Reads records for subscriptions, polls, webhooks and mutations. Lifetime: process.

    Args:
        log: Compares the results.
        now: The wall clock.
        clock: A monotonic clock, in seconds.
        sleep: Waits before a confirming read.
        fresh_seconds: The greatest age of a recent result that a new subscription is given.
        forget: Removes a changed record from the record caches.
    """

    def __init__(
        self,
        log: EventLog,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        fresh_seconds: float,
        forget: Callable[[RecordKey], Awaitable[None]],
    ) -> None:
        self._log = log
        self._forget_cached = forget
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._fresh_seconds = fresh_seconds
        self._uncached = pass_through()
        self._queued: dict[RecordKey, PendingRead] = {}
        self._fetching: dict[RecordKey, PendingRead] = {}
        # By their futures: several reads of one record may be in flight.
        self._pending: dict[asyncio.Future[RecordRead | None], PendingRead] = {}
        self._comparing: set[RecordKey] = set()
        self._recent: dict[RecordKey, tuple[float, RecordRead]] = {}
        self._calls: dict[RecordKey, tuple[float, tuple[CallTrace, ...]]] = {}
        self._observations: list[tuple[Observation, asyncio.Future[Recorded]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._boards: dict[RecordKey, Mapping[str, Any]] = {}

    def read(self, account: Account, key: RecordKey, source: StatusEventSource) -> "asyncio.Future[RecordRead | None]":
        """Read a record; None if it does not exist. The future is shared: shield it before awaiting it.

        The future raises:
            GatewayError: The upstream failed.
            LogUnreachable: The log could not compare the result.
        """
        pending = self._queue(account, key, source)
        pending.required = True
        return pending.result

    def look(
        self,
        account: Account,
        key: RecordKey,
        charged: list[CallTrace] | None = None,
        carried: CallContext | None = None,
    ) -> "asyncio.Future[RecordRead | None]":
        """Return a record's status for a new subscription, from a recent read or one in flight if possible.

        Call `leave` with the future when the subscription no longer waits for it.

        Args:
            account: The account that reads.
            key: The record.
            charged: The list that the calls of this look are added to. A call that loads several records is added once,
                for the first record to be read.
            carried: What the calls carry of the subscription's request, unless they are of another one as well.
        """
        recent = self._recent.get(key)
        if recent is not None and self._clock() - recent[0] <= self._fresh_seconds:
            known: asyncio.Future[RecordRead | None] = asyncio.get_running_loop().create_future()
            known.set_result(recent[1])
            return known
        # A fetch in flight is new enough: a new subscription knows no earlier status.
        pending = self._fetching.get(key) or self._queued.get(key)
        if pending is None:
            pending = self._queue(account, key, StatusEventSource.POLL)
            pending.charged, pending.carried = charged, carried
        pending.waiters += 1
        return pending.result

    def leave(self, result: "asyncio.Future[RecordRead | None]") -> None:
        """Stop waiting for a look; a read without waiters that is not required otherwise is cancelled."""
        pending = self._pending.get(result)
        if pending is not None:
            pending.waiters -= 1
            if not pending.waiters and not pending.required:
                self._cancel(pending)

    def calls_of(self, change: Change) -> tuple[CallTrace, ...]:
        """Return the calls of the read that found a change, if it was one of this process and not long ago."""
        noticed_at, calls = self._calls.get(change.key, (0.0, ()))
        return calls if noticed_at == change.noticed_at else ()

    def forget(self, change: Change) -> None:
        """Drop a record's recent result, which is older than this change."""
        self._recent.pop(change.key, None)
        self._comparing.discard(change.key)

    def forget_all(self) -> None:
        """Drop all recent results: they were compared with a log that is lost."""
        self._recent.clear()
        self._comparing.clear()
        # These reads carry versions of the lost log; requests from now on must not join them.
        self._fetching.clear()

    async def close(self) -> None:
        """Cancel the reads in flight."""
        await stop(self._tasks)

    def _queue(self, account: Account, key: RecordKey, source: StatusEventSource) -> PendingRead:
        pending = self._queued.get(key)
        if pending is None:
            loop = asyncio.get_running_loop()
            pending = PendingRead(account, key, source, loop.create_future(), self._now().timestamp())
            # All who waited may have left before it fails.
            pending.result.add_done_callback(mark_retrieved)
            if not self._queued:
                loop.call_soon(self._dispatch)
            self._queued[key] = self._pending[pending.result] = pending
        elif source is StatusEventSource.WEBHOOK:
            # A change found after a webhook is reported as found by it, even if a poll was queued first.
            pending.source = source
        return pending

    def _cancel(self, pending: PendingRead) -> None:
        self._end_fetch(pending)
        if self._queued.get(pending.key) is pending:
            del self._queued[pending.key]
        if pending.task is not None:
            pending.task.cancel()
        if pending.shared is not None:
            pending.shared.leave_soon()
        pending.result.cancel()

    def _dispatch(self) -> None:
        queued, self._queued = self._queued, {}
        together: dict[str, SharedLoaders] = {}
        for pending in queued.values():
            identity = pending.key.identity
            if identity not in together:
                scope = self._new_scope([])
                together[identity] = SharedLoaders(self._new_loaders(pending.account, scope), scope)
            pending.shared = together[identity]
            pending.shared.fetching += 1
            # The calls begin later, in the tasks.
            pending.shared.scope.context = pending.shared.scope.context or pending.carried
            self._fetching[pending.key] = pending
            pending.task = self._start(self._serve(pending, pending.shared.loaders))

    def _start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _new_scope(self, traces: list[CallTrace], carried: CallContext | None = None) -> CallScope:
        return CallScope(asyncio.get_running_loop().time() + READ_SECONDS, traces, context=carried)

    def _new_loaders(self, account: Account, scope: CallScope) -> RecordLoaders:
        return RecordLoaders(self._uncached, ReadSet(account, scope, self._uncached.invalidations.mark))

    async def _serve(self, pending: PendingRead, loaders: RecordLoaders) -> None:
        try:
            result = await self._read_and_compare(pending, loaders)
        except asyncio.CancelledError:
            self._end_fetch(pending)
            pending.result.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - passed on to those who wait
            self._end_fetch(pending)
            self._comparing.discard(pending.key)
            if not pending.result.done():
                pending.result.set_exception(error)
        else:
            if not pending.result.done():
                pending.result.set_result(result)

    async def _read_and_compare(self, pending: PendingRead, loaders: RecordLoaders) -> RecordRead | None:
        """Read until the log accepts the result; raise LogUnreachable if it never does in `MAX_ATTEMPTS` reads."""
        key, late = pending.key, None
        traces = [] if pending.shared is None else pending.shared.traces
        for attempt in range(MAX_ATTEMPTS):
            if late is not None:
                await self._sleep(CONFIRM_SECONDS)
            since = self._log.version
            if attempt:
                # Loaders remember what they have loaded, so another read needs new ones.
                traces = [] if pending.charged is None else pending.charged
                loaders = self._new_loaders(pending.account, self._new_scope(traces, pending.carried))
            try:
                found: TrackedRecord | BoardRead | None = await loaders.record(followed_type(key.kind), key.local_id)
            finally:
                if attempt:
                    loaders.cancel()
            record = self._kept(key, found)
            if record is None:
                self._end_fetch(pending)
                self._recent.pop(key, None)
                # An earlier attempt may have found it, and have been late.
                self._comparing.discard(key)
                return None
            self._note_calls(pending, traces)
            now, noticed_at = self._now(), pending.noticed_at
            observation = Observation(key, record, pending.source, since, now, noticed_at=noticed_at)
            # The dates of upstreams are not reliable: a status dated too early is accepted once a second read finds it.
            if late is not None and observation.has_status_of(late):
                observation = msgspec.structs.replace(observation, since=late.since, confirmed=True)
            outcome = await self._compare(pending, observation)
            if outcome.verdict in (Verdict.CHANGED, Verdict.KNOWN):
                return await self._accepted(observation, outcome)
            late = observation if outcome.verdict is Verdict.LATE else None
        raise LogUnreachable(f"{key.global_id} changed while it was being read, {MAX_ATTEMPTS} times in a row.")

    def _kept(self, key: RecordKey, found: "TrackedRecord | BoardRead | None") -> TrackedRecord | None:
        """Return what the log compares and keeps; the records on a board stay here."""
        if not isinstance(found, BoardRead):
            return found
        self._boards.pop(key, None)
        self._boards[key] = found.records
        while len(self._boards) > MAX_BOARDS:
            del self._boards[next(iter(self._boards))]
        return found.board

    def records_of(self, key: RecordKey) -> Mapping[str, Any]:
        """Return the records on a board as this process has read them last, by global id."""
        return self._boards.get(key, {})

    def _note_calls(self, pending: PendingRead, traces: list[CallTrace]) -> None:
        """Keep the calls of a read for the traces of the events that it may lead to."""
        # Before the log compares, which passes the change on.
        self._calls.pop(pending.key, None)
        kept_id = followed_type(pending.key.kind).kept_id(pending.key.local_id)
        self._calls[pending.key] = (pending.noticed_at, calls_about(kept_id, traces))
        if len(self._calls) > MAX_CALLS:
            # Popped above and added again, so that the first entry is the oldest.
            del self._calls[next(iter(self._calls))]

    async def _accepted(self, observation: Observation, outcome: Recorded) -> RecordRead:
        result = RecordRead(observation.record, outcome.position, outcome.verdict is Verdict.CHANGED)
        self._remember(observation.key, result)
        if result.changed:
            await self._forget_cached(observation.key)
        return result

    async def _compare(self, pending: PendingRead, observation: Observation) -> Recorded:
        """Have the log compare; later requests start a new read, since this result may be outdated by then."""
        self._end_fetch(pending)
        self._comparing.add(pending.key)
        outcome: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        # The observations of one turn are compared by one call, in Redis by one round trip.
        if not self._observations:
            asyncio.get_running_loop().call_soon(self._flush)
        self._observations.append((observation, outcome))
        return await outcome

    def _end_fetch(self, pending: PendingRead) -> None:
        """Charge for the calls of a read whose fetch is over; it ends once."""
        waiting = self._pending.pop(pending.result, None) is not None
        # A later read of the record may have the place by now.
        if self._fetching.get(pending.key) is pending:
            del self._fetching[pending.key]
        if waiting and pending.shared is not None:
            pending.shared.fetching -= 1
            if pending.charged is not None:
                # A call that loads several records is charged once, to the first of them.
                pending.charged += pending.shared.traces[pending.shared.charged :]
            pending.shared.charged = len(pending.shared.traces)
            if not pending.shared.fetching:
                pending.shared.loaders.cancel()

    def _flush(self) -> None:
        observations, self._observations = self._observations, []
        self._start(self._observe(observations))

    async def _observe(self, observations: list[tuple[Observation, "asyncio.Future[Recorded]"]]) -> None:
        try:
            outcomes = await self._log.observe([observation for observation, _ in observations])
        except Exception as error:  # noqa: BLE001 - passed on to those who wait
            for _, waiting in observations:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), outcome in zip(observations, outcomes, strict=True):
            if not waiting.done():
                waiting.set_result(outcome)

    def _remember(self, key: RecordKey, result: RecordRead) -> None:
        """Keep the result as recent, unless a change came in between."""
        if key in self._comparing:
            self._comparing.discard(key)
            self._recent.pop(key, None)
            # Popped above and added again, so that the first entry is the oldest.
            self._recent[key] = (self._clock(), result)
            oldest, (read_at, _) = next(iter(self._recent.items()))
            # At most one is added at a time, so dropping one keeps the bound.
            if len(self._recent) > MAX_RECENT or self._clock() - read_at > self._fresh_seconds:
                del self._recent[oldest]
