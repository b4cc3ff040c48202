"""Gets from an upstream what is kept nowhere, and keeps what it tells."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from resolvers.cache.freshness import CachedKind
from resolvers.cache.in_flight import Batch, InFlight
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
    kind: CachedKind[Any]
    identity: str
    ask: Ask
    ask_many: AskMany | None
    landing: Landing

    async def pass_on(self, batch: Batch, in_flight: InFlight) -> None:
        """Ask for one record that is kept nowhere, for whoever waits for it now."""
        try:
            value = await self.ask(batch.scope, in_flight.record_id)
        except asyncio.CancelledError:
            self.landing.give_up(in_flight)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the waiting ones' to handle
            self.landing.crash(in_flight, error)
        else:
            self.landing.land(in_flight, value, ())
        finally:
            self.cache.batches.discard(batch)
            batch.end()

    async def fetch(
        self,
        batch: Batch,
        in_flight_reads: Sequence[InFlight],
        shared: SharedRecords | None = None,
        *,
        leased: bool = False,
    ) -> None:
        """Ask the upstream; then leave what it told in Redis, which nobody waits for.

        Args:
            batch: What the reads in flight belong to.
            in_flight_reads: Those to get home.
            shared: Where this kind is shared with other processes.
            leased: Whether the leases for the reads in flight are ours, to be given back.
        """
        items: list[SharedItem] = []
        rest = in_flight_reads
        if len(in_flight_reads) > 1 and self.ask_many is not None:
            rest = await self._fetch_together(self.ask_many, batch, in_flight_reads, items, leased=leased)
        if len(rest) == 1:
            await self._fetch_one(batch, rest[0], items, leased=leased)
        elif rest:
            await asyncio.gather(*(self._fetch_one(batch, in_flight, items, leased=leased) for in_flight in rest))
        store = shared or self.cache.shared
        if store is not None and items:
            await store.put(items)

    async def _fetch_together(
        self,
        ask_many: AskMany,
        batch: Batch,
        in_flight_reads: Sequence[InFlight],
        items: list[SharedItem],
        *,
        leased: bool,
    ) -> list[InFlight]:
        """Ask for all by one call; those that its answer lacks are left for a call each."""
        try:
            found = await ask_many(batch.scope, [in_flight.record_id for in_flight in in_flight_reads])
        except Exception as error:  # noqa: BLE001 - see above
            for in_flight in in_flight_reads:
                self._crash(in_flight, error, items, leased=leased)
            return []
        for in_flight in in_flight_reads:
            if in_flight.record_id in found:
                self._arrive(in_flight, found[in_flight.record_id], items, leased=leased)
        return [in_flight for in_flight in in_flight_reads if not in_flight.landed]

    async def _fetch_one(self, batch: Batch, in_flight: InFlight, items: list[SharedItem], *, leased: bool) -> None:
        try:
            value = await self.ask(batch.scope, in_flight.record_id)
        except Exception as error:  # noqa: BLE001 - see above
            self._crash(in_flight, error, items, leased=leased)
        else:
            self._arrive(in_flight, value, items, leased=leased)

    def _arrive(self, in_flight: InFlight, value: Any, items: list[SharedItem], *, leased: bool) -> None:  # noqa: ANN401
        cache = self.cache
        kept = cache.keep(self.kind, in_flight.key, value, in_flight.mark, in_flight.tags)
        held = cache.keep_held(self.kind, self.identity, value, in_flight.mark)
        parts = [kept, *held] if self.kind.leads_to else [kept]
        self.landing.land(in_flight, value, [(part.key, part.entry) for part in parts])
        if cache.shared is not None:
            if self.kind.shared:
                items.append(cache.item(kept, token=in_flight.token, leased=leased))
            items += [cache.item(one) for one in held if one.encoded]

    def _crash(self, in_flight: InFlight, error: Exception, items: list[SharedItem], *, leased: bool) -> None:
        self.landing.crash(in_flight, error)
        if leased:
            items.append(SharedItem(in_flight.key, leased=True))
