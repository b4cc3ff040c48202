"""What is asked for: joined where it is on its way already, else begun."""

import asyncio
from collections.abc import Collection
from typing import Any, TypeAlias

from resolvers.cache.fetching import Ask, AskMany, Fetching
from resolvers.cache.flights import Fleet, Flight
from resolvers.cache.kinds import Kind
from resolvers.cache.landing import Landing
from resolvers.cache.leasing import Leasing
from resolvers.cache.reading import Reading
from resolvers.cache.records import RecordCache
from resolvers.upstreams.call import CallScope

Wanted: TypeAlias = "tuple[str, asyncio.Future[Any] | None]"
"""An id, and who waits for it; nobody where it is a refresh."""


class Question:
    """What is asked for, and how; lives as long as the loader, and as the flights that it started.

    Args:
        cache: Where it is kept.
        kind: What it is.
        identity: Whose credentials ask.
        ask: Gets one.
        ask_many: Gets several, where the upstream can.
    """

    __slots__ = ("_cache", "_fetching", "_landing", "_loop", "kind", "prefix", "tags")

    def __init__(
        self, cache: RecordCache, kind: Kind[Any], identity: str, ask: Ask, ask_many: AskMany | None = None
    ) -> None:
        self._cache = cache
        self.kind = kind
        self._loop = asyncio.get_running_loop()
        self._landing = Landing(cache, kind)
        self._fetching = Fetching(cache, kind, identity, ask, ask_many, self._landing)
        self.prefix = cache.prefix(identity, kind)
        self.tags = () if kind.shared else tuple(cache.tags(identity, kind))

    def send(self, wanted: Collection[Wanted], reading: Reading) -> None:
        """Get records for whoever waits.

        Args:
            wanted: Which, and for whom.
            reading: The operation that asks.
        """
        missing = [one for one in wanted if not self._join_flight(one, reading)]
        if missing:
            self._launch(missing, reading)

    def ask_from(self, record_id: str) -> Ask:
        """Asks for what a relationship leads to from where it starts, whatever id it is asked for."""
        ask = self._fetching.ask
        return lambda scope, _: ask(scope, record_id)

    def _join_flight(self, wanted: Wanted, reading: Reading) -> bool:
        """Wait for what is on its way already, and is not given less time than this operation has."""
        record_id, waiter = wanted
        flight = self._cache.flights.get(self.prefix + record_id)
        if flight is None or flight.fleet.scope.deadline < reading.scope.deadline < float("inf"):
            return False
        if waiter is not None:
            self._cache.counts.joined += 1
            reading.trace(self.kind, record_id, "shared")
            self._board(flight, waiter, reading)
        return True

    def _launch(self, wanted: Collection[Wanted], reading: Reading) -> None:
        cache, loop = self._cache, self._loop
        background = None in [waiter for _, waiter in wanted]
        deadline = max(loop.time() + cache.config.flight_seconds, 0.0 if background else reading.scope.deadline)
        traces = None if background else reading.scope.traces
        turn_by = deadline if background else reading.scope.deadline
        fleet = Fleet(CallScope(deadline, traces, turn_by), self._abandoned, background=background)
        for record_id, waiter in wanted:
            flight = Flight(self.prefix + record_id, record_id, cache.invalidations.mark, self.tags, fleet)
            if cache.config.coalesce:
                cache.flights[flight.key] = flight
            if waiter is not None:
                self._board(flight, waiter, reading)
        cache.counts.misses += len(wanted)
        cache.fleets.add(fleet)
        if cache.keeps or len(fleet.flights) > 1:
            fleet.task = loop.create_task(self._bring(fleet))
        else:
            fleet.task = loop.create_task(self._fetching.pass_on(fleet, fleet.flights[0]))

    def _board(self, flight: Flight, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        flight.join(waiter, reading)
        if self._cache.keeps:
            self._landing.serve_when_late(flight, waiter, reading)

    def _abandoned(self, fleet: Fleet) -> None:
        for flight in fleet.on_their_way():
            self._landing.off_the_list(flight)
        self._cache.fleets.discard(fleet)

    async def _bring(self, fleet: Fleet) -> None:
        shared = self._cache.shared if self.kind.shared else None
        try:
            if shared is None:
                await self._fetching.fetch(fleet, fleet.flights)
            else:
                await Leasing(shared, self._fetching).bring(fleet)
        except asyncio.CancelledError:
            for flight in fleet.on_their_way():
                self._landing.give_up(flight)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            for flight in fleet.on_their_way():
                self._landing.crash(flight, error)
        finally:
            self._cache.fleets.discard(fleet)
            fleet.end()
