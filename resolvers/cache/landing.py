"""How a read in flight ends for those who wait: with the record, with what is kept in its place, or with an error."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from resolvers.cache.entry import Entry
from resolvers.cache.freshness import CachedKind
from resolvers.cache.in_flight import InFlight
from resolvers.cache.read_set import ReadSet, fail
from resolvers.cache.records import RecordCache
from resolvers.errors import UpstreamAuth, UpstreamError, UpstreamRefusal


class Landing:
    """Ends reads in flight of one kind; lives as long as the question that began them.

    Args:
        cache: Where records are kept.
        kind: What comes.
    """

    __slots__ = ("_cache", "_kind")

    def __init__(self, cache: RecordCache, kind: CachedKind[Any]) -> None:
        self._cache = cache
        self._kind = kind

    def land(self, in_flight: InFlight, value: Any, parts: Sequence[tuple[str, Entry]]) -> None:  # noqa: ANN401 - any record
        """Hand the record to all who wait.

        Args:
            in_flight: What is over.
            value: The record.
            parts: What was kept of it, and where; empty where nothing is.
        """
        self.off_the_list(in_flight)
        for waiter, reading in in_flight.end().items():
            if waiter.done():
                continue
            for key, entry in parts:
                reading.took(key, entry)
            if not parts:
                reading.took_unkept()
            if in_flight.tags:
                reading.touched.update(in_flight.tags)
            waiter.set_result(value)

    def crash(self, in_flight: InFlight, error: Exception) -> None:
        """Hand the failure to all who wait, or what is kept where it may stand in for the record."""
        self.off_the_list(in_flight)
        stand_in = self._stand_in(in_flight) if stands_in_for(error) else None
        for waiter, reading in in_flight.end().items():
            if waiter.done():
                continue
            if stand_in is not None and reading.may_be_stale:
                self._serve_stand_in(in_flight, stand_in, waiter, reading)
            else:
                fail(waiter, error)

    def give_up(self, in_flight: InFlight) -> None:
        """Nobody asks for the record any longer."""
        self.off_the_list(in_flight)
        for waiter in in_flight.end():
            waiter.cancel()

    def serve_stale(self, in_flight: InFlight, entry: Entry, now: float) -> None:
        """Hand what is kept to those who take it, while the record is fetched anew."""
        if self._kind.leads_to is not None or not entry.may_revalidate(now):
            return
        for waiter, reading in list(in_flight.waiting.items()):
            if reading.may_be_stale and not waiter.done():
                del in_flight.waiting[waiter]
                reading.took_stale(in_flight.key, entry, now)
                waiter.set_result(entry.value)
                in_flight.batch.background = True

    def serve_when_late(self, in_flight: InFlight, waiter: "asyncio.Future[Any]", reading: ReadSet) -> None:
        """See to it that one who waits gets what is kept before it is too late for that."""
        if reading.may_be_stale and self._stand_in(in_flight) is not None:
            reading.when_late(partial(self._serve_late, in_flight, waiter, reading))

    def off_the_list(self, in_flight: InFlight) -> None:
        """Nobody else may join it."""
        if self._cache.in_flight_reads.get(in_flight.key) is in_flight:
            del self._cache.in_flight_reads[in_flight.key]

    def _serve_late(self, in_flight: InFlight, waiter: "asyncio.Future[Any]", reading: ReadSet) -> None:
        """Hand what is kept to one who can wait no longer; the call goes on for whoever asks next."""
        stand_in = self._stand_in(in_flight)
        if stand_in is not None and reading.may_be_stale and in_flight.waiting.pop(waiter, None) is not None:
            in_flight.batch.background = True
            self._serve_stand_in(in_flight, stand_in, waiter, reading)

    def _stand_in(self, in_flight: InFlight) -> Entry | None:
        """What is kept and may be served in place of the record that does not come."""
        entry = None if self._kind.leads_to is not None else self._cache.memory.peek(in_flight.key)
        return entry if entry is not None and entry.may_stand_in(self._cache.clock()) else None

    def _serve_stand_in(
        self, in_flight: InFlight, stand_in: Entry, waiter: "asyncio.Future[Any]", reading: ReadSet
    ) -> None:
        self._cache.counts.stale += 1
        reading.took_stale(in_flight.key, stand_in, self._cache.clock())
        reading.touched.update(in_flight.tags)
        waiter.set_result(stand_in.value)


def stands_in_for(error: Exception) -> bool:
    """Whether a stale record may be served in spite of an error.

    Not where the upstream understood and said no, nor where it refused the credentials: those may have been taken away.
    """
    return isinstance(error, UpstreamError) and not isinstance(error, UpstreamRefusal | UpstreamAuth)
