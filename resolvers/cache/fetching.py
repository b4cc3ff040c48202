"""Gets from an upstream what is kept nowhere, and keeps what it tells."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from resolvers.cache.flights import Fleet, Flight
from resolvers.cache.kinds import Kind
from resolvers.cache.landing import Landing
from resolvers.cache.records import RecordCache
from resolvers.cache.shared import SharedItem, SharedRecords
from resolvers.upstreams.call import CallScope

Ask: TypeAlias = Callable[[CallScope, str], Awaitable[Any]]
"""Gets one record."""

AskMany: TypeAlias = Callable[[CallScope, Sequence[str]], Awaitable[dict[str, Any]]]
"""Gets several, where the upstream can."""


@dataclass(slots=True)
class Fetching:
    """Gets records of one kind from their upstream; lives as long as the question that asks for them.

    Args:
        cache: Where they are kept.
        kind: What they are.
        identity: Whose credentials ask.
        ask: Gets one.
        ask_many: Gets several.
        landing: Hands them to those who wait.
    """

    cache: RecordCache
    kind: Kind[Any]
    identity: str
    ask: Ask
    ask_many: AskMany | None
    landing: Landing

    async def pass_on(self, fleet: Fleet, flight: Flight) -> None:
        """Ask for one record that is kept nowhere, for whoever waits for it now."""
        try:
            value = await self.ask(fleet.scope, flight.record_id)
        except asyncio.CancelledError:
            self.landing.give_up(flight)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the waiting ones' to handle
            self.landing.crash(flight, error)
        else:
            self.landing.land(flight, value, ())
        finally:
            self.cache.fleets.discard(fleet)
            fleet.end()

    async def fetch(
        self, fleet: Fleet, flights: Sequence[Flight], shared: SharedRecords | None = None, *, leased: bool = False
    ) -> None:
        """Ask the upstream; then leave what it told in Redis, which nobody waits for.

        Args:
            fleet: What the flights belong to.
            flights: Those to get home.
            shared: Where this kind is shared with other processes.
            leased: Whether the leases for the flights are ours, to be given back.
        """
        items: list[SharedItem] = []
        rest = flights
        if len(flights) > 1 and self.ask_many is not None:
            rest = await self._fetch_together(self.ask_many, fleet, flights, items, leased=leased)
        if len(rest) == 1:
            await self._fetch_one(fleet, rest[0], items, leased=leased)
        elif rest:
            await asyncio.gather(*(self._fetch_one(fleet, flight, items, leased=leased) for flight in rest))
        store = shared or self.cache.shared
        if store is not None and items:
            await store.put(items)

    async def _fetch_together(
        self, ask_many: AskMany, fleet: Fleet, flights: Sequence[Flight], items: list[SharedItem], *, leased: bool
    ) -> list[Flight]:
        """Ask for all by one call; those that its answer lacks are left for a call each."""
        try:
            found = await ask_many(fleet.scope, [flight.record_id for flight in flights])
        except Exception as error:  # noqa: BLE001 - see above
            for flight in flights:
                self._crash(flight, error, items, leased=leased)
            return []
        for flight in flights:
            if flight.record_id in found:
                self._arrive(flight, found[flight.record_id], items, leased=leased)
        return [flight for flight in flights if not flight.landed]

    async def _fetch_one(self, fleet: Fleet, flight: Flight, items: list[SharedItem], *, leased: bool) -> None:
        try:
            value = await self.ask(fleet.scope, flight.record_id)
        except Exception as error:  # noqa: BLE001 - see above
            self._crash(flight, error, items, leased=leased)
        else:
            self._arrive(flight, value, items, leased=leased)

    def _arrive(self, flight: Flight, value: Any, items: list[SharedItem], *, leased: bool) -> None:  # noqa: ANN401
        cache = self.cache
        kept = cache.keep(self.kind, flight.key, value, flight.mark, flight.tags)
        held = cache.keep_held(self.kind, self.identity, value, flight.mark)
        parts = [kept, *held] if self.kind.leads_to else [kept]
        self.landing.land(flight, value, [(part.key, part.entry) for part in parts])
        if cache.shared is not None:
            if self.kind.shared:
                items.append(cache.item(kept, token=flight.token, leased=leased))
            items += [cache.item(one) for one in held if one.encoded]

    def _crash(self, flight: Flight, error: Exception, items: list[SharedItem], *, leased: bool) -> None:
        self.landing.crash(flight, error)
        if leased:
            items.append(SharedItem(flight.key, leased=True))
