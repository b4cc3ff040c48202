"""Reads records that are not fresh in this process: joins a read in flight, or else begins one and keeps its result.

Theory of operation
-------------------
::

    wanted id -- in flight ------> wait for that read (single-flight)
              `- new batch, one task -- shared with other processes: a lease for each record (see leases.py)
                                     `- the upstream, several records by one call if it can

    fetched --> kept in memory, unless it was invalidated since the read began
            --> all waiters
            --> Redis, for which no waiter waits
    failed  --> the entry kept before, if it is within its grace and the operation permits stale records
            --> else the error, to all waiters

A batch has a deadline of its own, because the operation that began it may end while others wait. A waiter close to its
own deadline gets the stale entry, if there is one, and the batch goes on in the background.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from functools import partial
from typing import Any, TypeAlias

from resolvers.cache.kind import CachedKind
from resolvers.cache.leases import LeasedBatch
from resolvers.cache.memory import Entry
from resolvers.cache.reads import ABANDONED_SECONDS, Batch, InFlight, ReadSet, fail
from resolvers.cache.records import RecordCache
from resolvers.cache.shared import SharedItem
from resolvers.errors import UpstreamAuth, UpstreamError, UpstreamRefusal
from resolvers.later import mark_retrieved
from resolvers.upstreams.call import CallScope

FetchOne: TypeAlias = Callable[[CallScope, str], Coroutine[Any, Any, Any]]
"""Fetches one record from its upstream."""

FetchMany: TypeAlias = Callable[[CallScope, Sequence[str]], Awaitable[dict[str, Any]]]
"""Fetches several records by one call, for upstreams that can."""

Wanted: TypeAlias = "tuple[str, asyncio.Future[Any] | None]"
"""An id and the future that waits for its record; None where the read is a refresh in the background."""


class Fetcher:
    """Fetches records of one kind with one identity. Lifetime: its loader and the reads that it began.

    Args:
        cache: The cache that keeps the records.
        kind: The kind of the records.
        identity: The name of the credentials that fetch.
        fetch_one: Fetches one record.
        fetch_many: Fetches several; None if each takes a call.

    Attributes:
        counts: The counters of these records.
        prefix: The prefix of the keys of these records.
        tags: The tags of the lists that a page is of; empty for records.
    """

    __slots__ = ("_cache", "_fetch_many", "_fetch_one", "_identity", "counts", "kind", "prefix", "tags")

    def __init__(
        self,
        cache: RecordCache,
        kind: CachedKind[Any],
        identity: str,
        fetch_one: FetchOne,
        fetch_many: FetchMany | None = None,
    ) -> None:
        self._cache = cache
        self._identity = identity
        self._fetch_one = fetch_one
        self._fetch_many = fetch_many
        self.kind = kind
        self.counts = cache.counts_of(kind)
        self.prefix = cache.prefix(identity, kind)
        self.tags = () if kind.shared else tuple(cache.tags(identity, kind))

    def fetch(self, wanted: Collection[Wanted], read_set: ReadSet) -> None:
        """Resolve the futures of some ids: join the reads in flight, and begin one batch for the others.

        Args:
            wanted: The ids and their futures.
            read_set: The read set of the operation.
        """
        missing = [one for one in wanted if not self._joined(*one, read_set)]
        if missing:
            self._begin(missing, read_set)

    def fetch_unshared(self, record_id: str, read_set: ReadSet) -> "asyncio.Task[Any]":
        """Fetch one record for one operation, if the cache neither keeps nor shares.

        Args:
            record_id: The upstream's own id.
            read_set: The read set of the operation, which cancels the task when it ends.
        """
        self.counts.misses += 1
        self.counts.batches.add(1)
        read_set.took_unkept()
        task: asyncio.Task[Any] = read_set.loop.create_task(self._fetch_one(read_set.scope, record_id))
        task.add_done_callback(mark_retrieved)
        read_set.owns(task)
        return task

    def via(self, record_id: str) -> FetchOne:
        """Return a `FetchOne` that fetches the destination of the relationship that starts at this id."""
        fetch_one = self._fetch_one
        # The id that it is called with is the destination's, by which the upstream call cannot be made.
        return lambda scope, _: fetch_one(scope, record_id)

    async def fetch_reads(self, batch: Batch, reads: Sequence[InFlight], *, leased: bool = False) -> None:
        """Fetch from the upstream, resolve the waiters, then write what was fetched to Redis.

        Args:
            batch: The batch of the reads.
            reads: The reads to make.
            leased: Whether this process holds a lease for each, to be released.
        """
        items: list[SharedItem] = []
        rest = reads
        if len(reads) > 1 and self._fetch_many is not None:
            rest = await self._fetch_together(self._fetch_many, batch, reads, items, leased=leased)
        # Without a task of its own for the most frequent case.
        if len(rest) == 1:
            await self._fetch_singly(batch, rest[0], items, leased=leased)
        elif rest:
            await asyncio.gather(*(self._fetch_singly(batch, read, items, leased=leased) for read in rest))
        # The waiters have been resolved, so none waits for Redis.
        if items and self._cache.shared is not None:
            await self._cache.shared.put(items)

    def resolve(self, read: InFlight, value: Any, parts: Sequence[tuple[str, Entry]]) -> None:  # noqa: ANN401 - any record
        """Resolve all waiters with the record.

        Args:
            read: The read, which ends.
            value: The record.
            parts: The keys and entries that it was kept as; empty if it is not kept.
        """
        self._unlist(read)
        for waiter, read_set in read.end().items():
            if waiter.done():
                continue
            for key, entry in parts:
                read_set.took(key, entry)
            if not parts:
                read_set.took_unkept()
            if read.tags:
                read_set.touched.update(read.tags)
            waiter.set_result(value)

    def serve_stale(self, read: InFlight, entry: Entry, now: float) -> None:
        """Resolve the waiters that permit stale records with this entry, and go on with the read."""
        # The entry of a relationship holds only an id, which is not the value that is waited for.
        if self.kind.leads_to is not None or not entry.usable_while_revalidating(now):
            return
        # A copy, because the loop removes waiters.
        for waiter, read_set in list(read.waiting.items()):
            if read_set.permits_stale and not waiter.done():
                del read.waiting[waiter]
                read_set.took(read.key, entry)
                read_set.took_stale(waiter, now - entry.stored_at)
                waiter.set_result(entry.value)
                read.batch.background = True

    def _joined(self, record_id: str, waiter: "asyncio.Future[Any] | None", read_set: ReadSet) -> bool:
        """Join the read in flight of a record; return whether there is one."""
        read = self._cache.in_flight_reads.get(self.prefix + record_id)
        # One with an earlier deadline than this operation could fail while there is time for another.
        if read is None or read.batch.scope.deadline < read_set.scope.deadline < float("inf"):
            return False
        if waiter is not None:
            self.counts.joined += 1
            read_set.trace(self.kind, record_id, "shared")
            self._join(read, waiter, read_set)
        return True

    def _begin(self, wanted: Sequence[Wanted], read_set: ReadSet) -> None:
        cache, prefix, loop = self._cache, self.prefix, read_set.loop
        # If reads are not shared, no other waiter can come.
        linger = ABANDONED_SECONDS if cache.config.coalesce else 0.0
        scope = self._scope(wanted, read_set)
        batch = Batch(scope, self._abandoned, linger=linger, background=_is_refresh(wanted))
        for record_id, waiter in wanted:
            read = InFlight(prefix + record_id, record_id, cache.invalidations.mark, self.tags, batch)
            if cache.config.coalesce:
                cache.in_flight_reads[read.key] = read
            if waiter is not None:
                self._join(read, waiter, read_set)
        self.counts.misses += len(wanted)
        self.counts.batches.add(len(wanted))
        cache.batches.add(batch)
        if cache.keeps or len(batch.reads) > 1:
            batch.task = loop.create_task(self._run(batch))
        else:
            batch.task = loop.create_task(self._run_unkept(batch, batch.reads[0]))

    def _scope(self, wanted: Sequence[Wanted], read_set: ReadSet) -> CallScope:
        """Return the scope of a new batch: the operation's own if no other can join it."""
        scope = read_set.scope
        if self._cache.passes_through:
            return scope
        deadline = read_set.loop.time() + self._cache.config.in_flight_seconds
        if _is_refresh(wanted):
            return CallScope(deadline, None, deadline)
        # No shorter than that of the operation that begins it, and no shorter than others need that join early.
        return CallScope(max(deadline, scope.deadline), scope.traces, scope.deadline, scope.context)

    def _join(self, read: InFlight, waiter: "asyncio.Future[Any]", read_set: ReadSet) -> None:
        read.join(waiter, read_set)
        if self._cache.keeps and read_set.permits_stale and self._stale_if_error(read) is not None:
            read_set.when_late(partial(self._serve_late, read, waiter, read_set))

    def _abandoned(self, batch: Batch) -> None:
        for read in batch.unfinished():
            self._unlist(read)
        self._cache.batches.discard(batch)

    async def _run(self, batch: Batch) -> None:
        shared = self._cache.shared if self.kind.shared else None
        try:
            if shared is None:
                await self.fetch_reads(batch, batch.reads)
            else:
                await LeasedBatch(batch, self, self._cache, shared, self._identity).run()
        except asyncio.CancelledError:
            for read in batch.unfinished():
                self._cancel(read)
            raise
        except Exception as error:  # noqa: BLE001 - no error may leave a waiter unresolved
            for read in batch.unfinished():
                self._fail(read, error)
        finally:
            self._cache.batches.discard(batch)
            batch.end()

    async def _run_unkept(self, batch: Batch, read: InFlight) -> None:
        """Fetch one record that is not kept."""
        # Most reads of a gateway whose cache is off come here, so this leaves the steps for the cache out.
        try:
            value = await self._fetch_one(batch.scope, read.record_id)
        except asyncio.CancelledError:
            self._cancel(read)
            raise
        except Exception as error:  # noqa: BLE001 - raised again in the operations that wait
            self._fail(read, error)
        else:
            self.resolve(read, value, ())
        finally:
            self._cache.batches.discard(batch)
            batch.end()

    async def _fetch_together(
        self, fetch_many: FetchMany, batch: Batch, reads: Sequence[InFlight], items: list[SharedItem], *, leased: bool
    ) -> list[InFlight]:
        """Fetch all by one call, and return the reads that its answer says nothing about."""
        try:
            found = await fetch_many(batch.scope, [read.record_id for read in reads])
        except Exception as error:  # noqa: BLE001 - raised again in the operations that wait
            for read in reads:
                self._fail_and_release(read, error, items, leased=leased)
            return []
        for read in reads:
            if read.record_id in found:
                self._keep_and_resolve(read, found[read.record_id], items, leased=leased)
        return [read for read in reads if not read.ended]

    async def _fetch_singly(self, batch: Batch, read: InFlight, items: list[SharedItem], *, leased: bool) -> None:
        try:
            value = await self._fetch_one(batch.scope, read.record_id)
        except Exception as error:  # noqa: BLE001 - raised again in the operations that wait
            self._fail_and_release(read, error, items, leased=leased)
        else:
            self._keep_and_resolve(read, value, items, leased=leased)

    def _keep_and_resolve(self, read: InFlight, value: Any, items: list[SharedItem], *, leased: bool) -> None:  # noqa: ANN401 - any record
        cache = self._cache
        kept = cache.keep(self.kind, read.key, value, read.mark, read.tags)
        held = cache.keep_held(self.kind, self._identity, value, read.mark)
        # An operation that follows a relationship depends on the relationship and on its destination.
        parts = [kept, *held] if self.kind.leads_to else [kept]
        self.resolve(read, value, [(part.key, part.entry) for part in parts])
        if cache.shared is not None:
            if self.kind.shared:
                items.append(cache.item(kept, token=read.token, leased=leased))
            # Only records that other processes may have are encoded.
            items += [cache.item(one) for one in held if one.encoded]

    def _fail_and_release(self, read: InFlight, error: Exception, items: list[SharedItem], *, leased: bool) -> None:
        self._fail(read, error)
        if leased:
            # Another process that waits for the record can then fetch it at once.
            items.append(SharedItem(read.key, leased=True))

    def _fail(self, read: InFlight, error: Exception) -> None:
        """Resolve all waiters with the stale entry, if one may be served, or else with the error."""
        self._unlist(read)
        stale_entry = self._stale_if_error(read) if _permits_stale(error) else None
        for waiter, read_set in read.end().items():
            if waiter.done():
                continue
            if stale_entry is not None and read_set.permits_stale:
                self._serve_entry(read, stale_entry, waiter, read_set)
            else:
                fail(waiter, error)

    def _cancel(self, read: InFlight) -> None:
        self._unlist(read)
        for waiter in read.end():
            waiter.cancel()

    def _unlist(self, read: InFlight) -> None:
        """Prevent other operations from joining a read."""
        # After an invalidation another read may have its place.
        if self._cache.in_flight_reads.get(read.key) is read:
            del self._cache.in_flight_reads[read.key]

    def _stale_if_error(self, read: InFlight) -> Entry | None:
        """Return the stale entry that may be served if a record cannot be fetched; None if there is none."""
        entry = None if self.kind.leads_to is not None else self._cache.memory.peek(read.key)
        return entry if entry is not None and entry.usable_if_error(self._cache.clock()) else None

    def _serve_late(self, read: InFlight, waiter: "asyncio.Future[Any]", read_set: ReadSet) -> None:
        """Resolve a waiter whose deadline is close with the stale entry, and go on with the read in the background."""
        stale_entry = self._stale_if_error(read)
        if stale_entry is not None and read_set.permits_stale and read.waiting.pop(waiter, None) is not None:
            read.batch.background = True
            self._serve_entry(read, stale_entry, waiter, read_set)

    def _serve_entry(
        self, read: InFlight, stale_entry: Entry, waiter: "asyncio.Future[Any]", read_set: ReadSet
    ) -> None:
        self.counts.stale += 1
        read_set.took(read.key, stale_entry)
        read_set.took_stale(waiter, self._cache.clock() - stale_entry.stored_at)
        read_set.touched.update(read.tags)
        waiter.set_result(stale_entry.value)


def _is_refresh(wanted: Sequence[Wanted]) -> bool:
    return any(waiter is None for _, waiter in wanted)


def _permits_stale(error: Exception) -> bool:
    """Return whether a stale record may be served in spite of an error."""
    # A refusal is the current answer, and refused credentials may have been revoked: both must be seen.
    return isinstance(error, UpstreamError) and not isinstance(error, UpstreamRefusal | UpstreamAuth)
