"""Calls on their way, and who waits for them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from resolvers.cache.reading import Reading
from resolvers.upstreams.call import CallScope


class Flight:
    """One record on its way, for everybody who asked for it meanwhile; lives until it lands or nobody waits.

    Args:
        key: Where the record is kept.
        record_id: The upstream's own id, or the question.
        mark: Where the invalidations stood when it was asked for.
        tags: The keys of the lists that the record is a page of.

    Attributes:
        token: What Redis held of the key's last invalidation when the flight looked there.
    """

    __slots__ = ("fleet", "key", "landed", "mark", "record_id", "tags", "token", "waiting")

    def __init__(self, key: str, record_id: str, mark: int, tags: Sequence[str], fleet: "Fleet") -> None:
        self.key = key
        self.record_id = record_id
        self.mark = mark
        self.tags = tags
        self.fleet = fleet
        self.token = ""
        self.landed = False
        self.waiting: dict[asyncio.Future[Any], Reading] = {}
        fleet.flights.append(self)

    def join(self, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        """Wait for the record; giving up is cancelling the future."""
        self.waiting[waiter] = reading
        waiter.add_done_callback(self._left)

    def _left(self, waiter: "asyncio.Future[Any]") -> None:
        """Whoever is served is taken out before, so this one gave up."""
        if self.waiting.pop(waiter, None) is not None:
            self.fleet.someone_left()


class Fleet:
    """The flights that one task gets home together; lives until they have landed.

    Args:
        scope: Of the shared call: its own deadline, so that an impatient caller never shortens another's.
        background: It goes on without anybody waiting: a refresh.
        abandoned: Called when the last of the waiting has given up.
    """

    __slots__ = ("_abandoned", "background", "flights", "scope", "task")

    def __init__(self, scope: CallScope, abandoned: "Callable[[Fleet], None]", *, background: bool) -> None:
        self.scope = scope
        self.background = background
        self.flights: list[Flight] = []
        self.task: asyncio.Task[None] | None = None
        self._abandoned = abandoned

    def someone_left(self) -> None:
        """Cancel the task once it is for nobody."""
        if self.background or self.task is None or any(flight.waiting for flight in self.flights):
            return
        if all(flight.landed for flight in self.flights):
            return
        self._abandoned(self)
        self.task.cancel()

    def on_their_way(self) -> list[Flight]:
        """The flights that have not landed."""
        return [flight for flight in self.flights if not flight.landed]
