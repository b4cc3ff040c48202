"""The loaders of an operation, one for each kind of record that it reads."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from resolvers.cache.fetcher import Fetcher
from resolvers.cache.keys import request_key
from resolvers.cache.kind import CachedKind
from resolvers.cache.read_set import ReadSet
from resolvers.cache.records import RecordCache
from resolvers.catalogue import RecordType
from resolvers.later import Later, done
from resolvers.loading.loader import RecordLoader, RelatedLoader
from resolvers.upstreams.call import CallScope

Value = TypeVar("Value")


class RecordLoaders:
    """One loader for each kind of record, made when needed; operation lifetime, and in a subscription one event.

    Args:
        cache: Where records are kept and reads shared, or one that passes through.
        read_set: Of the operation.
    """

    def __init__(self, cache: RecordCache, read_set: ReadSet) -> None:
        self._cache = cache
        self._read_set = read_set
        self._made: dict[str, RecordLoader[Any]] = {}
        self._pages: dict[str, asyncio.Future[Any]] = {}

    def of(self, kind: CachedKind[Value]) -> RecordLoader[Value]:
        """Return the operation's loader of a kind."""
        loader = self._made.get(kind.name)
        if loader is None:
            make = RecordLoader if kind.leads_to is None else RelatedLoader
            loader = self._made[kind.name] = make(kind, self._cache, self._read_set)
        return loader

    def record(self, record_type: RecordType, own_id: str) -> Awaitable[Any]:
        """Return what to await for a record of a type, None where there is none, by the upstream's own id."""
        return part_of(record_type, own_id, self.of(record_type.kind).load(record_type.kept_id(own_id)))

    def page(
        self,
        kind: CachedKind[Value],
        arguments: tuple[Any, ...],
        fetch: Callable[[CallScope], Coroutine[Any, Any, Value]],
    ) -> "asyncio.Future[Value]":
        """Return a future of what has no id of its own, such as a page of a list; it is read once an operation.

        Args:
            kind: Of the page.
            arguments: What tells the page from others of its kind; msgspec can encode them.
            fetch: Asks the upstream, within a scope that may outlive the operation: others may wait for the same.
        """
        named = request_key(kind.name, *arguments)
        page = self._pages.get(named)
        if page is None:
            page = self._pages[named] = self._read_page(kind, request_key(*arguments), fetch)
        self._read_set.asked(page)
        return page

    def forget(self, kind: CachedKind[Any], record_ids: Iterable[str]) -> None:
        """Read records that changed anew, and all that is made of them."""
        self._pages.clear()
        for one in (kind, *kind.dependents):
            if one.name in self._made:
                for record_id in record_ids:
                    self._made[one.name].forget(record_id)

    def leave_cancelled(self) -> None:
        """Give up the reads whose futures were cancelled one by one, while the operation goes on with the others."""
        self._read_set.leave_cancelled()

    def cancel(self) -> None:
        """Give up what is still in flight: nothing waits for it any more."""
        self._read_set.cancel()

    def _read_page(
        self, kind: CachedKind[Any], request: str, fetch: Callable[[CallScope], Coroutine[Any, Any, Any]]
    ) -> "asyncio.Future[Any]":
        read_set = self._read_set
        fetcher = Fetcher(self._cache, kind, read_set.account.identity, lambda scope, _: fetch(scope))
        if self._cache.passes_through:
            return fetcher.fetch_unshared(request, read_set)
        found = self._cache.find(fetcher.prefix + request, read_set)
        if found is None:
            waiter = read_set.wait(kind.upstream)
            fetcher.fetch(((request, waiter),), read_set)
            return waiter
        read_set.touched.update(fetcher.tags)
        if read_set.scope.traces is not None:
            read_set.trace(kind, "", "hit")
        return done(found[0].value)


def part_of(record_type: RecordType, own_id: str, value: "asyncio.Future[Any]") -> Awaitable[Any]:
    """Return what to await for a record of which the value of its kind is to come.

    Args:
        record_type: Of the record.
        own_id: The upstream's own id.
        value: The record itself, or what holds it among others.
    """
    part = record_type.part
    if part is None:
        return value
    return Later(value, lambda whole: None if whole is None else part(whole, own_id.partition("/")[2]))
