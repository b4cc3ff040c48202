"""Gets what is not kept: from a call that is on its way already, from Redis, or from its upstream."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from resolvers.cache.entry import Entry
from resolvers.cache.envelope import opened
from resolvers.cache.flights import Fleet, Flight
from resolvers.cache.kinds import Kind
from resolvers.cache.reading import Reading
from resolvers.cache.records import RecordCache
from resolvers.cache.shared import SharedItem, SharedRecords
from resolvers.cache.terms import Lifetime
from resolvers.errors import UpstreamAuth, UpstreamError, UpstreamRefusal
from resolvers.upstreams.call import CallScope

Ask = Callable[[CallScope, str], Awaitable[Any]]
AskMany = Callable[[CallScope, Sequence[str]], Awaitable[dict[str, Any]]]

POLL_SECONDS: Final = 0.02
"""The first interval at which a record is looked for that another process fetches; it doubles up to a tenth."""


class Question:
    """What is asked for, and how; lives as long as the loader, and as the flights that it started.

    Args:
        cache: Where it is kept.
        kind: What it is.
        identity: Whose credentials ask.
        ask: Gets one.
        ask_many: Gets several, where the upstream can.
    """

    __slots__ = ("_ask", "_ask_many", "_cache", "_identity", "kind", "prefix", "tags")

    def __init__(
        self, cache: RecordCache, kind: Kind[Any], identity: str, ask: Ask, ask_many: AskMany | None = None
    ) -> None:
        self._cache = cache
        self.kind = kind
        self._identity = identity
        self._ask = ask
        self._ask_many = ask_many
        self.prefix = cache.prefix(identity, kind)
        self.tags: Sequence[str] = () if kind.shared else cache.tags(identity, kind)

    def send(self, wanted: "Mapping[str, asyncio.Future[Any] | None]", reading: Reading) -> None:
        """Get records for whoever waits; where nobody does (None) as a refresh.

        Args:
            wanted: Who waits for which id.
            reading: The operation that asks.
        """
        missing: dict[str, asyncio.Future[Any] | None] = {}
        for record_id, waiter in wanted.items():
            flight = self._cache.flights.get(self.prefix + record_id)
            if flight is None or flight.fleet.scope.deadline < reading.scope.deadline < float("inf"):
                missing[record_id] = waiter
            elif waiter is not None:
                self._cache.counts.joined += 1
                reading.trace(self.kind, record_id, "shared")
                self._join(flight, waiter, reading)
        if missing:
            self._launch(missing, reading)

    def ask_from(self, record_id: str) -> Ask:
        """Asks for what a relationship leads to from where it starts, whatever id it is asked for."""
        return lambda scope, _: self._ask(scope, record_id)

    def _launch(self, wanted: "Mapping[str, asyncio.Future[Any] | None]", reading: Reading) -> None:
        cache, loop = self._cache, asyncio.get_running_loop()
        background = None in wanted.values()
        deadline = max(loop.time() + cache.config.flight_seconds, 0.0 if background else reading.scope.deadline)
        traces = None if background else reading.scope.traces
        turn_by = deadline if background else reading.scope.deadline
        fleet = Fleet(CallScope(deadline, traces, turn_by), self._abandoned, background=background)
        for record_id, waiter in wanted.items():
            flight = Flight(self.prefix + record_id, record_id, cache.invalidations.mark, self.tags, fleet)
            if cache.config.coalesce:
                cache.flights[flight.key] = flight
            if waiter is not None:
                self._join(flight, waiter, reading)
        cache.counts.misses += len(wanted)
        cache.fleets.add(fleet)
        fleet.task = loop.create_task(self._bring(fleet))
        fleet.task.add_done_callback(lambda _: cache.fleets.discard(fleet))

    def _join(self, flight: Flight, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        flight.join(waiter, reading)
        if reading.may_be_stale and self._stand_in(flight) is not None:
            reading.when_late(partial(self._serve_late, flight, waiter, reading))

    def _serve_late(self, flight: Flight, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        """Hand what is kept to one who can wait no longer; the call goes on for whoever asks next."""
        stand_in = self._stand_in(flight)
        if stand_in is not None and reading.may_be_stale and flight.waiting.pop(waiter, None) is not None:
            flight.fleet.background = True
            self._serve_stand_in(flight, stand_in, waiter, reading)

    def _abandoned(self, fleet: Fleet) -> None:
        for flight in fleet.on_their_way():
            self._off_the_list(flight)

    async def _bring(self, fleet: Fleet) -> None:
        shared = self._cache.shared if self.kind.shared else None
        try:
            if not self._cache.keeps and len(fleet.flights) == 1:
                await self._pass_on(fleet, fleet.flights[0])
            elif shared is None:
                await self._fetch(fleet, fleet.flights)
            else:
                await self._bring_shared(fleet, shared)
        except asyncio.CancelledError:
            for flight in fleet.on_their_way():
                self._off_the_list(flight)
                for waiter in list(flight.waiting):
                    waiter.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            for flight in fleet.on_their_way():
                self._fail(flight, error, [], leased=False)

    async def _pass_on(self, fleet: Fleet, flight: Flight) -> None:
        """Ask for one record that is kept nowhere, for whoever waits for it now."""
        try:
            value = await self._ask(fleet.scope, flight.record_id)
        except Exception as error:  # noqa: BLE001 - see above
            self._fail(flight, error, [], leased=False)
        else:
            self._land(flight, value, ())

    async def _bring_shared(self, fleet: Fleet, shared: SharedRecords) -> None:
        """What Redis has is taken from there; the rest is fetched by whichever process gets the lease for it."""
        missing = await self._found_in(shared, fleet.flights)
        if not missing:
            return
        if not self._cache.config.coalesce:
            await self._fetch(fleet, missing, shared)
            return
        mine, others = await self._leased(shared, missing)
        if not others:
            await self._fetch(fleet, mine, shared, leased=True)
            return
        awaiting = self._await_others(fleet, others, shared)
        await asyncio.gather(self._fetch(fleet, mine, shared, leased=True), awaiting)

    async def _await_others(self, fleet: Fleet, flights: list[Flight], shared: SharedRecords) -> None:
        """Look for what other processes fetch; a lease that comes free without a record, or takes too long, is ours."""
        until = asyncio.get_running_loop().time() + self._cache.config.lease_seconds
        pause = POLL_SECONDS
        while flights and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(pause)
            pause = min(0.1, 2 * pause)
            flights = await self._found_in(shared, flights)
            if not flights:
                return
            mine, flights = await self._leased(shared, flights)
            await self._fetch(fleet, mine, shared, leased=True)
        if flights:
            await self._fetch(fleet, flights, shared)

    async def _leased(self, shared: SharedRecords, flights: Sequence[Flight]) -> tuple[list[Flight], list[Flight]]:
        """The flights that are ours to fetch, and those of other processes; some may have landed meanwhile."""
        leases = await shared.lease([flight.key for flight in flights], self._cache.config.lease_seconds)
        missing = await self._opened(shared, flights, [(lease.data, lease.token) for lease in leases])
        ours = {flight.key for flight, lease in zip(flights, leases, strict=True) if lease.is_ours}
        needless = [flight.key for flight in flights if flight.landed and flight.key in ours]
        if needless:
            await shared.give_back(needless)
        return [one for one in missing if one.key in ours], [one for one in missing if one.key not in ours]

    async def _found_in(self, shared: SharedRecords, flights: Sequence[Flight]) -> list[Flight]:
        """The flights for which Redis has nothing fresh; the others have landed."""
        return await self._opened(shared, flights, await shared.get([flight.key for flight in flights]))

    async def _opened(
        self, shared: SharedRecords, flights: Sequence[Flight], found: Sequence[tuple[bytes | None, str]]
    ) -> list[Flight]:
        """The flights for which nothing fresh was found; the others have landed."""
        cache, missing = self._cache, []
        for flight, (data, token) in zip(flights, found, strict=True):
            flight.token = token
            now = cache.clock()
            entry = opened(self.kind, data, cache.terms, now=now, wall=cache.wall()) if data else None
            if entry is not None and not cache.invalidations.since(flight.mark, (flight.key,)):
                cache.memory.put(flight.key, entry)
                parts = [(flight.key, entry), *await self._end_of(shared, entry)]
                if all(now < part.fresh_until for _, part in parts):
                    cache.counts.from_redis += 1
                    self._land(flight, parts[-1][1].value, parts)
                    continue
                self._serve_stale(flight, entry, now)
            missing.append(flight)
        return missing

    async def _end_of(self, shared: SharedRecords, relationship: Entry) -> list[tuple[str, Entry]]:
        """What a relationship leads to; as good as stale where it is not kept."""
        cache, kind = self._cache, self.kind.leads_to
        if kind is None or relationship.value is None:
            return []
        key = cache.prefix(self._identity, kind) + relationship.value
        mark, now = cache.invalidations.mark, cache.clock()
        entry = cache.memory.peek(key)
        if entry is None:
            ((data, _),) = await shared.get([key])
            entry = opened(kind, data, cache.terms, now=now, wall=cache.wall()) if data else None
            if entry is not None and not cache.invalidations.since(mark, (key,)):
                cache.memory.put(key, entry)
        return [(key, entry or Entry(None, now, now, cache.terms[Lifetime.MISSING]))]

    def _serve_stale(self, flight: Flight, entry: Entry, now: float) -> None:
        if self.kind.leads_to is not None or not entry.may_revalidate(now):
            return
        for waiter, reading in list(flight.waiting.items()):
            if reading.may_be_stale and not waiter.done():
                del flight.waiting[waiter]
                reading.took_stale(flight.key, entry, now)
                waiter.set_result(entry.value)
                flight.fleet.background = True

    async def _fetch(
        self, fleet: Fleet, flights: Sequence[Flight], shared: SharedRecords | None = None, *, leased: bool = False
    ) -> None:
        """Ask the upstream; then leave what it told in Redis, which nobody waits for."""
        items: list[SharedItem] = []
        rest = flights
        if len(flights) > 1 and self._ask_many is not None:
            rest = await self._fetch_together(fleet, flights, items, leased=leased)
        if len(rest) == 1:
            await self._fetch_one(fleet, rest[0], items, leased=leased)
        elif rest:
            await asyncio.gather(*(self._fetch_one(fleet, flight, items, leased=leased) for flight in rest))
        store = shared or self._cache.shared
        if store is not None and items:
            await store.put(items)

    async def _fetch_together(
        self, fleet: Fleet, flights: Sequence[Flight], items: list[SharedItem], *, leased: bool
    ) -> list[Flight]:
        """Ask for all by one call; those that its answer lacks are left for a call each."""
        assert self._ask_many is not None  # noqa: S101 - the caller looked
        try:
            found = await self._ask_many(fleet.scope, [flight.record_id for flight in flights])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the waiting ones' to handle
            for flight in flights:
                self._fail(flight, error, items, leased=leased)
            return []
        for flight in flights:
            if flight.record_id in found:
                self._arrive(flight, found[flight.record_id], items, leased=leased)
        return [flight for flight in flights if not flight.landed]

    async def _fetch_one(self, fleet: Fleet, flight: Flight, items: list[SharedItem], *, leased: bool) -> None:
        try:
            value = await self._ask(fleet.scope, flight.record_id)
        except Exception as error:  # noqa: BLE001 - see above
            self._fail(flight, error, items, leased=leased)
        else:
            self._arrive(flight, value, items, leased=leased)

    def _arrive(self, flight: Flight, value: Any, items: list[SharedItem], *, leased: bool) -> None:  # noqa: ANN401
        cache = self._cache
        kept = cache.keep(self.kind, flight.key, value, flight.mark, flight.tags)
        held = cache.keep_held(self.kind, self._identity, value, flight.mark)
        parts = [kept, *held] if self.kind.leads_to else [kept]
        self._land(flight, value, [(part.key, part.entry) for part in parts])
        if cache.shared is not None:
            if self.kind.shared:
                items.append(cache.item(kept, token=flight.token, leased=leased))
            items += [cache.item(one) for one in held if one.encoded]

    def _land(self, flight: Flight, value: Any, parts: Sequence[tuple[str, Entry]]) -> None:  # noqa: ANN401 - any record
        flight.landed = True
        self._off_the_list(flight)
        waiting, flight.waiting = flight.waiting, {}
        for waiter, reading in waiting.items():
            if not waiter.done():
                for key, entry in parts:
                    reading.took(key, entry)
                if not parts:
                    reading.took_unkept()
                reading.touched.update(flight.tags)
                waiter.set_result(value)

    def _fail(self, flight: Flight, error: Exception, items: list[SharedItem], *, leased: bool) -> None:
        """Hand the failure to all who wait, or what is kept where it may stand in for the record."""
        flight.landed = True
        self._off_the_list(flight)
        stand_in = self._stand_in(flight) if stands_in_for(error) else None
        waiting, flight.waiting = flight.waiting, {}
        for waiter, reading in waiting.items():
            if waiter.done():
                continue
            if stand_in is not None and reading.may_be_stale:
                self._serve_stand_in(flight, stand_in, waiter, reading)
            else:
                waiter.set_exception(error)
        if leased:
            items.append(SharedItem(flight.key, leased=True))

    def _stand_in(self, flight: Flight) -> Entry | None:
        """What is kept and may be served in place of the record that does not come."""
        entry = None if self.kind.leads_to is not None else self._cache.memory.peek(flight.key)
        return entry if entry is not None and entry.may_stand_in(self._cache.clock()) else None

    def _serve_stand_in(self, flight: Flight, stand_in: Entry, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        self._cache.counts.stale += 1
        reading.took_stale(flight.key, stand_in, self._cache.clock())
        reading.touched.update(flight.tags)
        waiter.set_result(stand_in.value)

    def _off_the_list(self, flight: Flight) -> None:
        if self._cache.flights.get(flight.key) is flight:
            del self._cache.flights[flight.key]


def stands_in_for(error: Exception) -> bool:
    """Whether a stale record may be served in spite of an error.

    Not where the upstream understood and said no, nor where it refused the credentials: those may have been taken away.
    """
    return isinstance(error, UpstreamError) and not isinstance(error, UpstreamRefusal | UpstreamAuth)
