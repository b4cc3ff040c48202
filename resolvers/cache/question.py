"""What is asked for: joined where it is on its way already, else begun."""

import asyncio
from collections.abc import Collection
from typing import Any, TypeAlias

from resolvers.cache.fetching import Ask, AskMany, Fetching
from resolvers.cache.freshness import CachedKind
from resolvers.cache.in_flight import Batch, InFlight
from resolvers.cache.landing import Landing
from resolvers.cache.leasing import Leasing
from resolvers.cache.read_set import ReadSet
from resolvers.cache.records import RecordCache
from resolvers.upstreams.call import CallScope

Wanted: TypeAlias = "tuple[str, asyncio.Future[Any] | None]"
"""An id, and who waits for it; nobody where it is a refresh."""


class Question:
    """What is asked for, and how; loader lifetime, and as the reads in flight that it started.

    Args:
        cache: Where it is kept.
        kind: What it is.
        identity: Whose credentials ask.
        ask: Gets one.
        ask_many: Gets several, where the upstream can.
    """

    __slots__ = ("_cache", "_fetching", "_landing", "_loop", "kind", "prefix", "tags")

    def __init__(
        self, cache: RecordCache, kind: CachedKind[Any], identity: str, ask: Ask, ask_many: AskMany | None = None
    ) -> None:
        self._cache = cache
        self.kind = kind
        self._loop = asyncio.get_running_loop()
        self._landing = Landing(cache, kind)
        self._fetching = Fetching(cache, kind, identity, ask, ask_many, self._landing)
        self.prefix = cache.prefix(identity, kind)
        self.tags = () if kind.shared else tuple(cache.tags(identity, kind))

    def send(self, wanted: Collection[Wanted], reading: ReadSet) -> None:
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

    def _join_flight(self, wanted: Wanted, reading: ReadSet) -> bool:
        """Wait for what is on its way already, and is not given less time than this operation has."""
        record_id, waiter = wanted
        in_flight = self._cache.in_flight_reads.get(self.prefix + record_id)
        if in_flight is None or in_flight.batch.scope.deadline < reading.scope.deadline < float("inf"):
            return False
        if waiter is not None:
            self._cache.counts.joined += 1
            reading.trace(self.kind, record_id, "shared")
            self._board(in_flight, waiter, reading)
        return True

    def _launch(self, wanted: Collection[Wanted], reading: ReadSet) -> None:
        cache, loop = self._cache, self._loop
        background = None in [waiter for _, waiter in wanted]
        deadline = max(loop.time() + cache.config.in_flight_seconds, 0.0 if background else reading.scope.deadline)
        traces = None if background else reading.scope.traces
        turn_by = deadline if background else reading.scope.deadline
        batch = Batch(CallScope(deadline, traces, turn_by), self._abandoned, background=background)
        for record_id, waiter in wanted:
            in_flight = InFlight(self.prefix + record_id, record_id, cache.invalidations.mark, self.tags, batch)
            if cache.config.coalesce:
                cache.in_flight_reads[in_flight.key] = in_flight
            if waiter is not None:
                self._board(in_flight, waiter, reading)
        cache.counts.misses += len(wanted)
        cache.batches.add(batch)
        if cache.keeps or len(batch.in_flight_reads) > 1:
            batch.task = loop.create_task(self._bring(batch))
        else:
            batch.task = loop.create_task(self._fetching.pass_on(batch, batch.in_flight_reads[0]))

    def _board(self, in_flight: InFlight, waiter: "asyncio.Future[Any]", reading: ReadSet) -> None:
        in_flight.join(waiter, reading)
        if self._cache.keeps:
            self._landing.serve_when_late(in_flight, waiter, reading)

    def _abandoned(self, batch: Batch) -> None:
        for in_flight in batch.on_their_way():
            self._landing.off_the_list(in_flight)
        self._cache.batches.discard(batch)

    async def _bring(self, batch: Batch) -> None:
        shared = self._cache.shared if self.kind.shared else None
        try:
            if shared is None:
                await self._fetching.fetch(batch, batch.in_flight_reads)
            else:
                await Leasing(shared, self._fetching).bring(batch)
        except asyncio.CancelledError:
            for in_flight in batch.on_their_way():
                self._landing.give_up(in_flight)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            for in_flight in batch.on_their_way():
                self._landing.crash(in_flight, error)
        finally:
            self._cache.batches.discard(batch)
            batch.end()
