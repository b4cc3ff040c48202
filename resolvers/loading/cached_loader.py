"""Loaders over the cache: what is kept is answered at once, the rest through calls that are shared."""

import asyncio
from functools import partial
from typing import Any, TypeVar

from resolvers.cache.fetching import Ask
from resolvers.cache.freshness import CachedKind
from resolvers.cache.question import Question
from resolvers.cache.read_set import ReadSet
from resolvers.cache.records import RecordCache
from resolvers.loading.loaders import OnceLoader, done

Value = TypeVar("Value")


class CachedLoader(OnceLoader[str, Value | None]):
    """Loads records of one kind, those that are kept at once; operation lifetime.

    Records of a kind that an upstream tells several of by one call are asked for together at the end of the current
    turn of the event loop; only what is not kept goes into that call.

    Args:
        kind: Of the records.
        cache: Where they are kept.
        reading: The operation.
    """

    def __init__(self, kind: CachedKind[Value], cache: RecordCache, reading: ReadSet) -> None:
        super().__init__()
        assert kind.fetch is not None  # noqa: S101 - pages have none, and no loader
        many = partial(kind.fetch_many, reading.account) if kind.fetch_many else None
        fetch = partial(kind.fetch, reading.account)
        self._question = Question(cache, kind, reading.account.identity, fetch, many)
        self._cache = cache
        self._reading = reading
        self._waiting: dict[str, asyncio.Future[Any] | None] = {}

    def keys(self, record_id: str) -> list[str]:
        """Where what `load` answers is kept."""
        return [self._question.prefix + record_id]

    def cancel(self) -> None:
        """Nothing to do: whatever is on its way is the operation's to give up."""

    def _begin(self, record_id: str) -> "asyncio.Future[Value | None]":
        found = self._cache.find(self._question.prefix + record_id, self._reading)
        if found is None:
            waiter = self._reading.wait(self._question.kind.upstream)
            self._send(record_id, waiter)
            return waiter
        entry, stale = found
        if stale:
            self._send(record_id, None)
        if self._reading.scope.traces is not None:
            self._reading.trace(self._question.kind, record_id, "stale" if stale else "hit")
        return done(entry.value)

    def _send(self, record_id: str, waiter: "asyncio.Future[Any] | None") -> None:
        if self._question.kind.max_batch == 1:
            self._question.send(((record_id, waiter),), self._reading)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._dispatch)
        self._waiting[record_id] = waiter

    def _dispatch(self) -> None:
        waiting, self._waiting = list(self._waiting.items()), {}
        size = self._question.kind.max_batch
        for start in range(0, len(waiting), size):
            self._question.send(waiting[start : start + size], self._reading)


class RelatedLoader(CachedLoader[Value]):
    """Loads what a relationship leads to, by the id of where it starts; operation lifetime.

    Which record that is cannot change and is kept long; the record itself is kept as its own kind is, and shared by
    all relationships that lead there.
    """

    def keys(self, record_id: str) -> list[str]:
        """Where the relationship is kept, and what it leads to."""
        (key,) = super().keys(record_id)
        relationship = self._cache.memory.peek(key)
        leads_to = self._question.kind.leads_to
        if relationship is None or relationship.value is None or leads_to is None:
            return [key]
        return [key, self._cache.prefix(self._reading.account.identity, leads_to) + relationship.value]

    def _begin(self, record_id: str) -> "asyncio.Future[Value | None]":
        leads_to = self._question.kind.leads_to
        relationship = self._cache.find(self._question.prefix + record_id, self._reading)
        if relationship is None or leads_to is None:
            return super()._begin(record_id)
        entry, stale = relationship
        if stale:
            self._send(record_id, None)
        if entry.value is None:
            return done(None)
        return _Destination(leads_to, self._cache, self._reading, self._question.ask_from(record_id)).load(entry.value)


class _Destination(CachedLoader[Value]):
    """Loads one record by its own id, and asks for it over the relationship that is known to lead there."""

    def __init__(self, kind: CachedKind[Value], cache: RecordCache, reading: ReadSet, ask: Ask) -> None:
        super().__init__(kind, cache, reading)
        self._question = Question(cache, kind, reading.account.identity, ask)
