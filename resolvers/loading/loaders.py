"""The loaders of an operation, one for each kind of record: each record is read once, by as few calls as possible."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from resolvers.cache.fetcher import Fetcher, FetchOne
from resolvers.cache.kind import CachedKind, request_key
from resolvers.cache.reads import ReadSet
from resolvers.cache.records import RecordCache
from resolvers.catalogue import RecordType
from resolvers.later import Later, done, mark_retrieved
from resolvers.upstreams.call import CallScope

Value = TypeVar("Value")


class RecordLoader(Generic[Value]):
    """Loads records of one kind by id. Lifetime: operation; in a subscription, one event.

    Fresh records are taken from the cache at once. The others are fetched; for a kind with batches that begins at the
    end of the current turn of the event loop, so that all ids loaded in the turn share calls.

    Args:
        kind: The kind of the records.
        cache: The cache that keeps them.
        read_set: The read set of the operation.
    """

    def __init__(self, kind: CachedKind[Value], cache: RecordCache, read_set: ReadSet) -> None:
        assert kind.fetch is not None  # noqa: S101 - pages have none, and no loader
        account = read_set.account
        many = partial(kind.fetch_many, account) if kind.fetch_many else None
        self._fetcher = Fetcher(cache, kind, account.identity, partial(kind.fetch, account), many)
        self._cache = cache
        self._read_set = read_set
        self._values: dict[str, asyncio.Future[Value | None]] = {}
        # Apart from `_values`, so that a future is made only of those that are loaded.
        self._primed: dict[str, Value] = {}
        self._waiting: dict[str, asyncio.Future[Any] | None] = {}

    def load(self, record_id: str) -> "asyncio.Future[Value | None]":
        """Return a future of the record, or of None if it does not exist; the first call for an id begins the read."""
        value = self._values.get(record_id)
        if value is None:
            primed = self._primed.get(record_id)
            value = self._values[record_id] = self._begin(record_id) if primed is None else done(primed)
        self._read_set.asked(value)
        return value

    def prime(self, records: Mapping[str, Value]) -> None:
        """Use these records, which came with another answer such as a page, for ids that have not been loaded."""
        self._primed.update(records)

    def forget(self, record_id: str) -> None:
        """Read a changed record again when it is loaded next."""
        self._values.pop(record_id, None)
        self._primed.pop(record_id, None)

    def _begin(self, record_id: str) -> "asyncio.Future[Value | None]":
        cache, fetcher = self._cache, self._fetcher
        # The shortest path: there is nothing to find, join or batch.
        if cache.passes_through and fetcher.kind.max_batch == 1:
            return fetcher.fetch_unshared(record_id, self._read_set)
        found = cache.find(fetcher.prefix + record_id, self._read_set, fetcher.counts) if cache.keeps else None
        if found is None:
            waiter = self._read_set.wait(fetcher.kind.upstream)
            self._fetch(record_id, waiter)
            return waiter
        entry, stale_age = found
        value = done(entry.value)
        if stale_age is not None:
            self._read_set.took_stale(value, stale_age)
            self._fetch(record_id, None)
        if self._read_set.scope.traces is not None:
            self._read_set.trace(fetcher.kind, record_id, "hit" if stale_age is None else "stale")
        return value

    def _fetch(self, record_id: str, waiter: "asyncio.Future[Any] | None") -> None:
        if self._fetcher.kind.max_batch == 1:
            self._fetcher.fetch(((record_id, waiter),), self._read_set)
            return
        if not self._waiting:
            # At the end of the turn, so that all ids that are loaded in it go into one batch.
            self._read_set.loop.call_soon(self._dispatch)
        self._waiting[record_id] = waiter

    def _dispatch(self) -> None:
        waiting, self._waiting = list(self._waiting.items()), {}
        size = self._fetcher.kind.max_batch
        for start in range(0, len(waiting), size):
            self._fetcher.fetch(waiting[start : start + size], self._read_set)


class RelatedLoader(RecordLoader[Value]):
    """Loads the record that a relationship leads to, by the id where the relationship starts. Lifetime: operation.

    The relationship cannot change and is kept for long. The record is kept as its own kind is, once for all
    relationships that lead to it.
    """

    def _begin(self, record_id: str) -> "asyncio.Future[Value | None]":
        leads_to = self._fetcher.kind.leads_to
        relationship = None
        if self._cache.keeps:
            fetcher = self._fetcher
            relationship = self._cache.find(fetcher.prefix + record_id, self._read_set, fetcher.counts)
        if relationship is None or leads_to is None:
            return super()._begin(record_id)
        entry, stale_age = relationship
        via = self._fetcher.via(record_id)
        if entry.value is None:
            value: asyncio.Future[Value | None] = done(None)
        else:
            value = _DestinationLoader(leads_to, self._cache, self._read_set, via).load(entry.value)
        if stale_age is not None:
            self._read_set.took_stale(value, stale_age)
            self._fetch(record_id, None)
        return value


class _DestinationLoader(RecordLoader[Value]):
    """Loads one record by its own id, and fetches it by a relationship that leads to it."""

    def __init__(self, kind: CachedKind[Value], cache: RecordCache, read_set: ReadSet, fetch_one: FetchOne) -> None:
        super().__init__(kind, cache, read_set)
        self._fetcher = Fetcher(cache, kind, read_set.account.identity, fetch_one)


class RecordLoaders:
    """The loaders of an operation, one for each kind of record. Lifetime: operation; in a subscription, one event.

    Args:
        cache: The cache of the process, or one that passes reads through.
        read_set: The read set of the operation.
    """

    def __init__(self, cache: RecordCache, read_set: ReadSet) -> None:
        self._cache = cache
        self._read_set = read_set
        self._made: dict[str, RecordLoader[Any]] = {}
        self._pages: dict[str, asyncio.Future[Any]] = {}
        self._made_once: dict[Hashable, asyncio.Future[Any]] = {}

    def of(self, kind: CachedKind[Value]) -> RecordLoader[Value]:
        """Return the operation's loader of a kind, made at the first call."""
        loader = self._made.get(kind.name)
        if loader is None:
            make = RecordLoader if kind.leads_to is None else RelatedLoader
            loader = self._made[kind.name] = make(kind, self._cache, self._read_set)
        return loader

    def record(self, record_type: RecordType, own_id: str) -> Awaitable[Any]:
        """Return an awaitable of the record of a type with this id of the upstream; None if it does not exist."""
        return part_of(record_type, own_id, self.of(record_type.kind).load(record_type.kept_id(own_id)))

    def page(
        self,
        kind: CachedKind[Value],
        arguments: tuple[Any, ...],
        fetch: Callable[[CallScope], Coroutine[Any, Any, Value]],
    ) -> "asyncio.Future[Value]":
        """Return a future of a value without an id, such as a page of a list; it is read once in an operation.

        Args:
            kind: The kind of the page.
            arguments: The arguments that identify the page among those of its kind; msgspec can encode them.
            fetch: Fetches the page. Its scope may outlive the operation, because others may wait for the same page.
        """
        named = request_key(kind.name, *arguments)
        page = self._pages.get(named)
        if page is None:
            page = self._pages[named] = self._read_page(kind, request_key(*arguments), fetch)
        self._read_set.asked(page)
        return page

    def once(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Value]]) -> "asyncio.Future[Value]":
        """Return the future of what several fields of the operation derive from the same reads.

        Args:
            key: Names it.
            make: Derives it, at the first call for the key; it reads through these loaders.
        """
        made = self._made_once.get(key)
        if made is None:
            made = self._made_once[key] = asyncio.ensure_future(make())
            # The operation may end by another error before it is awaited.
            made.add_done_callback(mark_retrieved)
        return made

    def forget(self, kind: CachedKind[Any], record_ids: Iterable[str]) -> None:
        """Read changed records, and all that is derived from them, again when they are loaded next."""
        # Any page may contain a record that has changed.
        self._pages.clear()
        self._made_once.clear()
        for one in (kind, *kind.dependents):
            if one.name in self._made:
                for record_id in record_ids:
                    self._made[one.name].forget(record_id)

    def leave_cancelled(self) -> None:
        """Leave the reads whose futures were cancelled, while the operation goes on with the others."""
        self._read_set.leave_cancelled()

    def cancel(self) -> None:
        """Cancel everything that the operation still waits for."""
        for made in self._made_once.values():
            made.cancel()
        self._read_set.cancel()

    def _read_page(
        self, kind: CachedKind[Any], request: str, fetch: Callable[[CallScope], Coroutine[Any, Any, Any]]
    ) -> "asyncio.Future[Any]":
        read_set = self._read_set
        fetcher = Fetcher(self._cache, kind, read_set.account.identity, lambda scope, _: fetch(scope))
        if self._cache.passes_through:
            return fetcher.fetch_unshared(request, read_set)
        found = self._cache.find(fetcher.prefix + request, read_set, fetcher.counts)
        if found is None:
            waiter = read_set.wait(kind.upstream)
            fetcher.fetch(((request, waiter),), read_set)
            return waiter
        # A page depends on its lists, whichever of their records changes.
        read_set.touched.update(fetcher.tags)
        if read_set.scope.traces is not None:
            read_set.trace(kind, "", "hit")
        # Never a stale one: neither pages nor prices are served while they are read again (`CacheConfig.policies`).
        return done(found[0].value)


def part_of(record_type: RecordType, own_id: str, value: "asyncio.Future[Any]") -> Awaitable[Any]:
    """Return an awaitable of a record, given the future of its kind's value.

    Args:
        record_type: The type of the record.
        own_id: The upstream's own id.
        value: A future of the record, or of the value that contains it.
    """
    part = record_type.part
    if part is None:
        return value
    return Later(value, lambda whole: None if whole is None else part(whole, own_id.partition("/")[2]))
