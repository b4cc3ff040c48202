"""How a flight ends for those who wait: with the record, with what is kept in its place, or with an error."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from resolvers.cache.entry import Entry
from resolvers.cache.flights import Flight
from resolvers.cache.kinds import Kind
from resolvers.cache.reading import Reading, fail
from resolvers.cache.records import RecordCache
from resolvers.errors import UpstreamAuth, UpstreamError, UpstreamRefusal


class Landing:
    """Ends flights of one kind; lives as long as the question that began them.

    Args:
        cache: Where records are kept.
        kind: What comes.
    """

    __slots__ = ("_cache", "_kind")

    def __init__(self, cache: RecordCache, kind: Kind[Any]) -> None:
        self._cache = cache
        self._kind = kind

    def land(self, flight: Flight, value: Any, parts: Sequence[tuple[str, Entry]]) -> None:  # noqa: ANN401 - any record
        """Hand the record to all who wait.

        Args:
            flight: What is over.
            value: The record.
            parts: What was kept of it, and where; empty where nothing is.
        """
        self.off_the_list(flight)
        for waiter, reading in flight.end().items():
            if waiter.done():
                continue
            for key, entry in parts:
                reading.took(key, entry)
            if not parts:
                reading.took_unkept()
            if flight.tags:
                reading.touched.update(flight.tags)
            waiter.set_result(value)

    def crash(self, flight: Flight, error: Exception) -> None:
        """Hand the failure to all who wait, or what is kept where it may stand in for the record."""
        self.off_the_list(flight)
        stand_in = self._stand_in(flight) if stands_in_for(error) else None
        for waiter, reading in flight.end().items():
            if waiter.done():
                continue
            if stand_in is not None and reading.may_be_stale:
                self._serve_stand_in(flight, stand_in, waiter, reading)
            else:
                fail(waiter, error)

    def give_up(self, flight: Flight) -> None:
        """Nobody asks for the record any longer."""
        self.off_the_list(flight)
        for waiter in flight.end():
            waiter.cancel()

    def serve_stale(self, flight: Flight, entry: Entry, now: float) -> None:
        """Hand what is kept to those who take it, while the record is fetched anew."""
        if self._kind.leads_to is not None or not entry.may_revalidate(now):
            return
        for waiter, reading in list(flight.waiting.items()):
            if reading.may_be_stale and not waiter.done():
                del flight.waiting[waiter]
                reading.took_stale(flight.key, entry, now)
                waiter.set_result(entry.value)
                flight.fleet.background = True

    def serve_when_late(self, flight: Flight, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        """See to it that one who waits gets what is kept before it is too late for that."""
        if reading.may_be_stale and self._stand_in(flight) is not None:
            reading.when_late(partial(self._serve_late, flight, waiter, reading))

    def off_the_list(self, flight: Flight) -> None:
        """Nobody else may join it."""
        if self._cache.flights.get(flight.key) is flight:
            del self._cache.flights[flight.key]

    def _serve_late(self, flight: Flight, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        """Hand what is kept to one who can wait no longer; the call goes on for whoever asks next."""
        stand_in = self._stand_in(flight)
        if stand_in is not None and reading.may_be_stale and flight.waiting.pop(waiter, None) is not None:
            flight.fleet.background = True
            self._serve_stand_in(flight, stand_in, waiter, reading)

    def _stand_in(self, flight: Flight) -> Entry | None:
        """What is kept and may be served in place of the record that does not come."""
        entry = None if self._kind.leads_to is not None else self._cache.memory.peek(flight.key)
        return entry if entry is not None and entry.may_stand_in(self._cache.clock()) else None

    def _serve_stand_in(self, flight: Flight, stand_in: Entry, waiter: "asyncio.Future[Any]", reading: Reading) -> None:
        self._cache.counts.stale += 1
        reading.took_stale(flight.key, stand_in, self._cache.clock())
        reading.touched.update(flight.tags)
        waiter.set_result(stand_in.value)


def stands_in_for(error: Exception) -> bool:
    """Whether a stale record may be served in spite of an error.

    Not where the upstream understood and said no, nor where it refused the credentials: those may have been taken away.
    """
    return isinstance(error, UpstreamError) and not isinstance(error, UpstreamRefusal | UpstreamAuth)
