"""Reads that processes share through Redis: one process fetches a record, and the others take it from Redis.

Theory of operation
-------------------
::

    each record of a batch -- fresh in Redis --> resolves its waiters
                           `- else a lease is requested
                                |- granted: fetched, written to Redis, lease released
                                `- held by another process: looked up again after 20, 40, 80, 100, 100 ... milliseconds,
                                   until the record is there, its lease is free, or `lease_seconds` are over

A lease expires, so a process that dies while it fetches delays the others by no more than `lease_seconds`.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

from resolvers.cache.kind import CachedKind, Freshness
from resolvers.cache.memory import Entry
from resolvers.cache.reads import Batch, InFlight
from resolvers.cache.records import RecordCache
from resolvers.cache.shared import SharedRecords, decode_entry
from resolvers.upstreams.call import CallTrace, Mark

POLL_SECONDS: Final = 0.02
"""The first pause before a record that another process fetches is looked up again; pauses double."""

LONGEST_POLL_SECONDS: Final = 0.1


class ReadEnder(Protocol):
    """Fetches the reads of a batch and resolves their waiters: the fetcher, which imports this module."""

    @property
    def kind(self) -> CachedKind[Any]:
        """The kind of the records."""
        ...

    async def fetch_reads(self, batch: Batch, reads: Sequence[InFlight], *, leased: bool = False) -> None:
        """Fetch from the upstream, resolve the waiters, and write to Redis."""
        ...

    def resolve(self, read: InFlight, value: Any, parts: Sequence[tuple[str, Entry]]) -> None:  # noqa: ANN401 - any record
        """Resolve all waiters with the record."""
        ...

    def serve_stale(self, read: InFlight, entry: Entry, now: float) -> None:
        """Resolve the waiters that permit it with a stale entry."""
        ...


class LeasedBatch:
    """Makes the reads of one batch together with other processes. Lifetime: batch.

    Args:
        batch: The reads.
        fetcher: Fetches records and resolves waiters.
        cache: The cache of this process.
        shared: The layer in Redis.
        identity: The name of the credentials that fetch.
    """

    __slots__ = ("_batch", "_cache", "_fetcher", "_identity", "_leased", "_shared")

    def __init__(
        self, batch: Batch, fetcher: ReadEnder, cache: RecordCache, shared: SharedRecords, identity: str
    ) -> None:
        self._batch = batch
        self._fetcher = fetcher
        self._cache = cache
        self._shared = shared
        self._identity = identity
        # The keys for which this batch has, or may have, a lease.
        self._leased: set[str] = set()

    async def run(self) -> None:
        """Take the records that are fresh in Redis, and fetch the others or wait for the process that fetches them."""
        try:
            await self._run()
        finally:
            # Where it is cancelled; other processes would wait until the leases expire.
            if self._leased:
                self._shared.release_soon([*self._leased])

    async def _run(self) -> None:
        missing = await self._look_up(self._batch.reads)
        if not missing:
            return
        # Sharing reads in flight is off, between processes as well.
        if not self._cache.config.coalesce:
            await self._fetcher.fetch_reads(self._batch, missing)
            return
        ours, others = await self._request_leases(missing)
        if not others:
            await self._fetch_leased(ours)
            return
        await asyncio.gather(self._fetch_leased(ours), self._await_others(others))

    async def _fetch_leased(self, reads: Sequence[InFlight]) -> None:
        await self._fetcher.fetch_reads(self._batch, reads, leased=True)
        self._leased.difference_update(read.key for read in reads)

    async def _await_others(self, reads: list[InFlight]) -> None:
        """Wait for records that other processes fetch, and fetch those that have not come within `lease_seconds`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        until = began + self._cache.config.lease_seconds
        pause = POLL_SECONDS
        awaited = reads
        while reads and loop.time() < until:
            await asyncio.sleep(pause)
            pause = min(LONGEST_POLL_SECONDS, 2 * pause)
            reads = await self._look_up(reads)
            ours, reads = await self._request_leases(reads) if reads else ([], [])
            if ours or not reads:
                self._trace_wait(awaited, began)
                awaited = reads
            if ours:
                await self._fetch_leased(ours)
        if reads:
            self._trace_wait(reads, began)
            await self._fetcher.fetch_reads(self._batch, reads)

    def _trace_wait(self, reads: Sequence[InFlight], began: float) -> None:
        """Add the wait for the calls of other processes to the traces of the operation, if it is traced."""
        traces, kind = self._batch.scope.traces, self._fetcher.kind
        if traces is None or not reads:
            return
        path = kind.path.replace("{id}", reads[0].record_id) if len(reads) == 1 else kind.path
        waited = round((asyncio.get_running_loop().time() - began) * 1000, 3)
        marks = (Mark("lease", began),)
        traces.append(
            CallTrace(kind.upstream, kind.method, path, None, waited, "shared", 0, kind.name, began, marks, len(reads))
        )

    async def _request_leases(self, reads: Sequence[InFlight]) -> tuple[list[InFlight], list[InFlight]]:
        """Request a lease for each read; return the reads with a lease of this process, and those of others.

        Reads whose records have come meanwhile are ended.
        """
        shared = self._shared
        # Before they are granted, because Redis may grant them to a batch that is cancelled meanwhile.
        self._leased.update(read.key for read in reads)
        leases = await shared.lease([read.key for read in reads], self._cache.config.lease_seconds)
        missing = await self._end_found(reads, [(lease.data, lease.token) for lease in leases])
        ours = {read.key for read, lease in zip(reads, leases, strict=True) if lease.is_ours}
        # Another process may have written the record between the lookup and the request for the lease.
        unneeded = [read.key for read in reads if read.ended and read.key in ours]
        if unneeded:
            await shared.release(unneeded)
        self._leased.difference_update(read.key for read in reads if read.ended or read.key not in ours)
        return [one for one in missing if one.key in ours], [one for one in missing if one.key not in ours]

    async def _look_up(self, reads: Sequence[InFlight]) -> list[InFlight]:
        """End the reads whose records are fresh in Redis, and return the others."""
        return await self._end_found(reads, await self._shared.get([read.key for read in reads]))

    async def _end_found(self, reads: Sequence[InFlight], found: Sequence[tuple[bytes | None, str]]) -> list[InFlight]:
        """End the reads for which a fresh entry was found, and return the others."""
        cache, missing = self._cache, []
        for read, (data, token) in zip(reads, found, strict=True):
            read.token = token
            now = cache.clock()
            entry = decode_entry(self._fetcher.kind, data, cache.policies, now=now, wall=cache.wall()) if data else None
            # It may have been invalidated after the lookup in Redis was sent.
            if entry is not None and not cache.invalidations.since(read.mark, (read.key,)):
                cache.memory.put(read.key, entry)
                parts = [(read.key, entry), *await self._destination(entry)]
                if all(now < part.fresh_until for _, part in parts):
                    cache.counts_of(self._fetcher.kind).from_redis += 1
                    self._fetcher.resolve(read, parts[-1][1].value, parts)
                    continue
                # Another process has kept it for longer than its TTL; the fetch goes on.
                self._fetcher.serve_stale(read, entry, now)
            missing.append(read)
        return missing

    async def _destination(self, relationship: Entry) -> list[tuple[str, Entry]]:
        """Return the entry that a relationship leads to, or an expired one if it is not kept."""
        cache, kind = self._cache, self._fetcher.kind.leads_to
        if kind is None or relationship.value is None:
            return []
        key = cache.prefix(self._identity, kind) + relationship.value
        mark, now = cache.invalidations.mark, cache.clock()
        entry = cache.memory.peek(key)
        if entry is None:
            ((data, _),) = await self._shared.get([key])
            entry = decode_entry(kind, data, cache.policies, now=now, wall=cache.wall()) if data else None
            if entry is not None and not cache.invalidations.since(mark, (key,)):
                cache.memory.put(key, entry)
        return [(key, entry or Entry(None, now, now, cache.policies[Freshness.MISSING]))]
