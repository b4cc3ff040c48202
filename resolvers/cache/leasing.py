"""Gets what other processes have, and has one of them fetch what none has."""

import asyncio
from collections.abc import Sequence
from typing import Final

from resolvers.cache.entry import Entry
from resolvers.cache.envelope import opened
from resolvers.cache.fetching import Fetching
from resolvers.cache.flights import Fleet, Flight
from resolvers.cache.shared import SharedRecords
from resolvers.cache.terms import Lifetime

POLL_SECONDS: Final = 0.02
"""The first interval at which a record is looked for that another process fetches; it doubles up to a tenth."""

LONGEST_POLL_SECONDS: Final = 0.1


class Leasing:
    """Brings flights home by way of Redis; lives while they are on their way.

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

    async def bring(self, fleet: Fleet) -> None:
        """What Redis has is taken from there; the rest is fetched by whichever process gets the lease for it."""
        missing = await self._found(fleet.flights)
        if not missing:
            return
        if not self._cache.config.coalesce:
            await self._fetching.fetch(fleet, missing, self._shared)
            return
        mine, others = await self._leased(missing)
        if not others:
            await self._fetching.fetch(fleet, mine, self._shared, leased=True)
            return
        fetched = self._fetching.fetch(fleet, mine, self._shared, leased=True)
        await asyncio.gather(fetched, self._await_others(fleet, others))

    async def _await_others(self, fleet: Fleet, flights: list[Flight]) -> None:
        """Look for what other processes fetch; a lease that comes free without a record, or takes too long, is ours."""
        until = asyncio.get_running_loop().time() + self._cache.config.lease_seconds
        pause = POLL_SECONDS
        while flights and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(pause)
            pause = min(LONGEST_POLL_SECONDS, 2 * pause)
            flights = await self._found(flights)
            if not flights:
                return
            mine, flights = await self._leased(flights)
            await self._fetching.fetch(fleet, mine, self._shared, leased=True)
        if flights:
            await self._fetching.fetch(fleet, flights, self._shared)

    async def _leased(self, flights: Sequence[Flight]) -> tuple[list[Flight], list[Flight]]:
        """The flights that are ours to fetch, and those of other processes; some may have landed meanwhile."""
        shared = self._shared
        leases = await shared.lease([flight.key for flight in flights], self._cache.config.lease_seconds)
        missing = await self._opened(flights, [(lease.data, lease.token) for lease in leases])
        ours = {flight.key for flight, lease in zip(flights, leases, strict=True) if lease.is_ours}
        needless = [flight.key for flight in flights if flight.landed and flight.key in ours]
        if needless:
            await shared.give_back(needless)
        return [one for one in missing if one.key in ours], [one for one in missing if one.key not in ours]

    async def _found(self, flights: Sequence[Flight]) -> list[Flight]:
        """The flights for which Redis has nothing fresh; the others have landed."""
        return await self._opened(flights, await self._shared.get([flight.key for flight in flights]))

    async def _opened(self, flights: Sequence[Flight], found: Sequence[tuple[bytes | None, str]]) -> list[Flight]:
        """The flights for which nothing fresh was found; the others have landed."""
        cache, missing = self._cache, []
        for flight, (data, token) in zip(flights, found, strict=True):
            flight.token = token
            now = cache.clock()
            entry = opened(self._kind, data, cache.terms, now=now, wall=cache.wall()) if data else None
            if entry is not None and not cache.invalidations.since(flight.mark, (flight.key,)):
                cache.memory.put(flight.key, entry)
                parts = [(flight.key, entry), *await self._end_of(entry)]
                if all(now < part.fresh_until for _, part in parts):
                    cache.counts.from_redis += 1
                    self._landing.land(flight, parts[-1][1].value, parts)
                    continue
                self._landing.serve_stale(flight, entry, now)
            missing.append(flight)
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
        return [(key, entry or Entry(None, now, now, cache.terms[Lifetime.MISSING]))]
