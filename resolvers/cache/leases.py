"""Reads that processes share through Redis: what one has fetched the others take, and one fetches what none has.

    every record of a batch -> fresh in Redis -> its waiters
                            -> else a lease is asked for
                               ours           -> fetched, written to Redis, released
                               another's      -> looked for again after 20, 40, 80, 100, 100 ... milliseconds,
                                                 until it is there, its lease is free, or `lease_seconds` are over

A lease ends by itself, so a process that dies while it fetches delays the others by no more than `lease_seconds`.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

from resolvers.cache.kind import CachedKind, Freshness
from resolvers.cache.memory import Entry
from resolvers.cache.reads import Batch, InFlight
from resolvers.cache.records import RecordCache
from resolvers.cache.shared import SharedRecords, opened

POLL_SECONDS: Final = 0.02
"""The first interval at which a record is looked for that another process fetches; it doubles up to a tenth."""

LONGEST_POLL_SECONDS: Final = 0.1


class ReadEnder(Protocol):
    """What fetches the reads of a batch and resolves their waiters: the fetcher, which stands above the leases."""

    @property
    def kind(self) -> CachedKind[Any]:
        """Of the records."""
        ...

    async def fetch_reads(self, batch: Batch, reads: Sequence[InFlight], *, leased: bool = False) -> None:
        """Fetch from the upstream, resolve the waiters, and write to Redis."""
        ...

    def land(self, read: InFlight, value: Any, parts: Sequence[tuple[str, Entry]]) -> None:  # noqa: ANN401 - any record
        """Resolve all waiters with the record."""
        ...

    def serve_stale(self, read: InFlight, entry: Entry, now: float) -> None:
        """Resolve the waiters that permit it with a stale entry."""
        ...


class LeasedBatch:
    """Makes the reads of one batch together with other processes; batch lifetime.

    Args:
        batch: The reads.
        fetcher: Fetches what no process has, and resolves the waiters.
        cache: Where the records are kept.
        shared: The layer in Redis.
        identity: Names the credentials that fetch.
    """

    __slots__ = ("_batch", "_cache", "_fetcher", "_identity", "_shared")

    def __init__(
        self, batch: Batch, fetcher: ReadEnder, cache: RecordCache, shared: SharedRecords, identity: str
    ) -> None:
        self._batch = batch
        self._fetcher = fetcher
        self._cache = cache
        self._shared = shared
        self._identity = identity

    async def run(self) -> None:
        """Take from Redis what is fresh there; fetch the rest, or wait for the process that does."""
        missing = await self._found(self._batch.reads)
        if not missing:
            return
        if not self._cache.config.coalesce:
            await self._fetcher.fetch_reads(self._batch, missing)
            return
        ours, others = await self._leased(missing)
        if not others:
            await self._fetcher.fetch_reads(self._batch, ours, leased=True)
            return
        fetched = self._fetcher.fetch_reads(self._batch, ours, leased=True)
        await asyncio.gather(fetched, self._await_others(others))

    async def _await_others(self, reads: list[InFlight]) -> None:
        """Wait for what other processes fetch, and fetch what they do not within `lease_seconds`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._cache.config.lease_seconds
        pause = POLL_SECONDS
        while reads and loop.time() < until:
            await asyncio.sleep(pause)
            pause = min(LONGEST_POLL_SECONDS, 2 * pause)
            reads = await self._found(reads)
            if not reads:
                return
            ours, reads = await self._leased(reads)
            await self._fetcher.fetch_reads(self._batch, ours, leased=True)
        if reads:
            await self._fetcher.fetch_reads(self._batch, reads)

    async def _leased(self, reads: Sequence[InFlight]) -> tuple[list[InFlight], list[InFlight]]:
        """Return the reads that this process has a lease for, and those that others have; some may have ended."""
        shared = self._shared
        leases = await shared.lease([read.key for read in reads], self._cache.config.lease_seconds)
        missing = await self._opened(reads, [(lease.data, lease.token) for lease in leases])
        ours = {read.key for read, lease in zip(reads, leases, strict=True) if lease.is_ours}
        needless = [read.key for read in reads if read.ended and read.key in ours]
        if needless:
            await shared.give_back(needless)
        return [one for one in missing if one.key in ours], [one for one in missing if one.key not in ours]

    async def _found(self, reads: Sequence[InFlight]) -> list[InFlight]:
        """End the reads whose records are fresh in Redis and return the others."""
        return await self._opened(reads, await self._shared.get([read.key for read in reads]))

    async def _opened(self, reads: Sequence[InFlight], found: Sequence[tuple[bytes | None, str]]) -> list[InFlight]:
        """End the reads for which something fresh was found and return the others."""
        cache, missing = self._cache, []
        for read, (data, token) in zip(reads, found, strict=True):
            read.token = token
            now = cache.clock()
            entry = opened(self._fetcher.kind, data, cache.policies, now=now, wall=cache.wall()) if data else None
            if entry is not None and not cache.invalidations.since(read.mark, (read.key,)):
                cache.memory.put(read.key, entry)
                parts = [(read.key, entry), *await self._end_of(entry)]
                if all(now < part.fresh_until for _, part in parts):
                    cache.counts.from_redis += 1
                    self._fetcher.land(read, parts[-1][1].value, parts)
                    continue
                self._fetcher.serve_stale(read, entry, now)
            missing.append(read)
        return missing

    async def _end_of(self, relationship: Entry) -> list[tuple[str, Entry]]:
        """Return the entry that a relationship leads to; one that has expired where it is not kept."""
        cache, kind = self._cache, self._fetcher.kind.leads_to
        if kind is None or relationship.value is None:
            return []
        key = cache.prefix(self._identity, kind) + relationship.value
        mark, now = cache.invalidations.mark, cache.clock()
        entry = cache.memory.peek(key)
        if entry is None:
            ((data, _),) = await self._shared.get([key])
            entry = opened(kind, data, cache.policies, now=now, wall=cache.wall()) if data else None
            if entry is not None and not cache.invalidations.since(mark, (key,)):
                cache.memory.put(key, entry)
        return [(key, entry or Entry(None, now, now, cache.policies[Freshness.MISSING]))]
