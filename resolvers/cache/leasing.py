"""Gets what other processes have, and has one of them fetch what none has."""

import asyncio
from collections.abc import Sequence
from typing import Final

from resolvers.cache.entry import Entry
from resolvers.cache.envelope import opened
from resolvers.cache.fetching import Fetching
from resolvers.cache.freshness import Freshness
from resolvers.cache.in_flight import Batch, InFlight
from resolvers.cache.shared import SharedRecords

POLL_SECONDS: Final = 0.02
"""The first interval at which a record is looked for that another process fetches; it doubles up to a tenth."""

LONGEST_POLL_SECONDS: Final = 0.1


class Leasing:
    """Brings reads in flight home by way of Redis; lives while they are on their way.

    Args:
        shared: What the processes share.
        fetching: Asks the upstream.
    """

    __slots__ = ("_cache", "_fetching", "_kind", "_landing", "_shared")

    def __init__(self, shared: SharedRecords, fetching: Fetching) -> None:
        self._shared = shared
        self._fetching = fetching
        self._cache = fetching.cache
        self._kind = fetching.kind
        self._landing = fetching.landing

    async def bring(self, batch: Batch) -> None:
        """What Redis has is taken from there; the rest is fetched by whichever process gets the lease for it."""
        missing = await self._found(batch.in_flight_reads)
        if not missing:
            return
        if not self._cache.config.coalesce:
            await self._fetching.fetch(batch, missing, self._shared)
            return
        mine, others = await self._leased(missing)
        if not others:
            await self._fetching.fetch(batch, mine, self._shared, leased=True)
            return
        fetched = self._fetching.fetch(batch, mine, self._shared, leased=True)
        await asyncio.gather(fetched, self._await_others(batch, others))

    async def _await_others(self, batch: Batch, in_flight_reads: list[InFlight]) -> None:
        """Look for what other processes fetch; a lease that comes free without a record, or takes too long, is ours."""
        until = asyncio.get_running_loop().time() + self._cache.config.lease_seconds
        pause = POLL_SECONDS
        while in_flight_reads and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(pause)
            pause = min(LONGEST_POLL_SECONDS, 2 * pause)
            in_flight_reads = await self._found(in_flight_reads)
            if not in_flight_reads:
                return
            mine, in_flight_reads = await self._leased(in_flight_reads)
            await self._fetching.fetch(batch, mine, self._shared, leased=True)
        if in_flight_reads:
            await self._fetching.fetch(batch, in_flight_reads, self._shared)

    async def _leased(self, in_flight_reads: Sequence[InFlight]) -> tuple[list[InFlight], list[InFlight]]:
        """The reads in flight that are ours to fetch, and those of other processes; some may have landed meanwhile."""
        shared = self._shared
        leases = await shared.lease([in_flight.key for in_flight in in_flight_reads], self._cache.config.lease_seconds)
        missing = await self._opened(in_flight_reads, [(lease.data, lease.token) for lease in leases])
        ours = {in_flight.key for in_flight, lease in zip(in_flight_reads, leases, strict=True) if lease.is_ours}
        needless = [in_flight.key for in_flight in in_flight_reads if in_flight.landed and in_flight.key in ours]
        if needless:
            await shared.give_back(needless)
        return [one for one in missing if one.key in ours], [one for one in missing if one.key not in ours]

    async def _found(self, in_flight_reads: Sequence[InFlight]) -> list[InFlight]:
        """The reads in flight for which Redis has nothing fresh; the others have landed."""
        return await self._opened(
            in_flight_reads, await self._shared.get([in_flight.key for in_flight in in_flight_reads])
        )

    async def _opened(
        self, in_flight_reads: Sequence[InFlight], found: Sequence[tuple[bytes | None, str]]
    ) -> list[InFlight]:
        """The reads in flight for which nothing fresh was found; the others have landed."""
        cache, missing = self._cache, []
        for in_flight, (data, token) in zip(in_flight_reads, found, strict=True):
            in_flight.token = token
            now = cache.clock()
            entry = opened(self._kind, data, cache.terms, now=now, wall=cache.wall()) if data else None
            if entry is not None and not cache.invalidations.since(in_flight.mark, (in_flight.key,)):
                cache.memory.put(in_flight.key, entry)
                parts = [(in_flight.key, entry), *await self._end_of(entry)]
                if all(now < part.fresh_until for _, part in parts):
                    cache.counts.from_redis += 1
                    self._landing.land(in_flight, parts[-1][1].value, parts)
                    continue
                self._landing.serve_stale(in_flight, entry, now)
            missing.append(in_flight)
        return missing

    async def _end_of(self, relationship: Entry) -> list[tuple[str, Entry]]:
        """What a relationship leads to; as good as stale where it is not kept."""
        cache, kind = self._cache, self._kind.leads_to
        if kind is None or relationship.value is None:
            return []
        key = cache.prefix(self._fetching.identity, kind) + relationship.value
        mark, now = cache.invalidations.mark, cache.clock()
        entry = cache.memory.peek(key)
        if entry is None:
            ((data, _),) = await self._shared.get([key])
            entry = opened(kind, data, cache.terms, now=now, wall=cache.wall()) if data else None
            if entry is not None and not cache.invalidations.since(mark, (key,)):
                cache.memory.put(key, entry)
        return [(key, entry or Entry(None, now, now, cache.terms[Freshness.MISSING]))]
