"""The loaders of an operation, one for each kind of record that it asks for."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, Protocol, TypeVar, overload

from resolvers import record_kinds
from resolvers.accounts import Account
from resolvers.cache.freshness import CachedKind
from resolvers.cache.keys import question
from resolvers.cache.question import Question
from resolvers.cache.read_set import ReadSet
from resolvers.cache.records import RecordCache
from resolvers.loading.cached_loader import CachedLoader, RelatedLoader
from resolvers.loading.loaders import BatchLoader, Loader, RequestLoader
from resolvers.upstreams.call import CallScope

Value = TypeVar("Value")


class RecordLoader(Protocol[Value]):
    """Loads records of one kind by id; operation lifetime."""

    def load(self, record_id: str) -> "asyncio.Future[Value | None]":
        """The record, or None where there is none."""
        ...

    def prime(self, records: Mapping[str, Value]) -> None:
        """Keep records for this operation that came by another way and were not asked for before."""
        ...

    def forget(self, record_id: str) -> None:
        """Fetch anew when next asked."""
        ...

    def cancel(self) -> None:
        """Give up what is still on its way."""
        ...


class _LoaderOf(Generic[Value]):
    """Makes an operation's loader of a kind when it is first asked for; most operations need one or two."""

    def __init__(self, kind: CachedKind[Value]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, loaders: None, owner: type) -> "_LoaderOf[Value]": ...
    @overload
    def __get__(self, loaders: "RecordLoaders", owner: type) -> RecordLoader[Value]: ...
    def __get__(self, loaders: "RecordLoaders | None", owner: type) -> "_LoaderOf[Value] | RecordLoader[Value]":
        if loaders is None:
            return self
        loader = loaders.__dict__[self._name] = loaders.make(self._kind)
        return loader


class RecordLoaders:
    """One loader for each kind of record, made when needed; operation lifetime, and in a subscription one event.

    Args:
        account: Whose clients fetch.
        scope: The operation's deadline and traces.
        records: Where records are kept and calls shared; without it every record comes straight from its upstream.

    Attributes:
        reading: What was read through the cache; None without a cache.
    """

    deliveries = _LoaderOf(record_kinds.DELIVERY)
    products = _LoaderOf(record_kinds.PRODUCT)
    products_of_deliveries = _LoaderOf(record_kinds.PRODUCT_OF_DELIVERY)
    identifications = _LoaderOf(record_kinds.IDENTIFICATION)
    identifications_of_deliveries = _LoaderOf(record_kinds.IDENTIFICATION_OF_DELIVERY)
    jobs = _LoaderOf(record_kinds.JOB)
    recipients = _LoaderOf(record_kinds.RECIPIENTS)
    tasks = _LoaderOf(record_kinds.TASK)
    organizations = _LoaderOf(record_kinds.ORGANIZATION)
    roles = _LoaderOf(record_kinds.ROLES)
    partners = _LoaderOf(record_kinds.PARTNER)
    sms_versions = _LoaderOf(record_kinds.SMS_VERSION)

    def __init__(self, account: Account, scope: CallScope, records: RecordCache | None = None) -> None:
        self._account = account
        self._scope = scope
        self._cache = records
        self._made: dict[str, RecordLoader[Any]] = {}
        self._requests: RequestLoader | None = None
        self._pages: dict[Hashable, asyncio.Future[Any]] = {}
        self.reading: ReadSet | None = None
        if self._cache is not None:
            self.reading = ReadSet(account, scope, self._cache.invalidations.mark)

    def make(self, kind: CachedKind[Value]) -> RecordLoader[Value]:
        """A new loader of a kind; to be asked for by attribute."""
        loader = self._made[kind.name] = self._new(kind)
        return loader

    def page(
        self, kind: CachedKind[Value], arguments: tuple[Any, ...], ask: Callable[[CallScope], Awaitable[Value]]
    ) -> "asyncio.Future[Value]":
        """The answer to a question that is no record's id, such as a page of a list; asked once an operation.

        Args:
            kind: What is asked for.
            arguments: What tells the question from others of its kind; msgspec can encode them.
            ask: Asks the upstream, within a scope that may outlive the operation: others may wait for the same.
        """
        if self._cache is None or self.reading is None:
            self._requests = self._requests or RequestLoader()
            return self._requests.load((kind.name, *arguments), partial(ask, self._scope))
        asked = question(kind.name, *arguments)
        page = self._pages.get(asked)
        if page is None:
            page = self._pages[asked] = self._cached_page(kind, question(*arguments), ask)
        return page

    def page_key(self, kind: CachedKind[Any], asked: str) -> str:
        """Where the answer to a question is kept; empty without a cache."""
        return "" if self._cache is None else self._cache.prefix(self._account.identity, kind) + asked

    def forget(self, kind: CachedKind[Any], record_ids: Iterable[str]) -> None:
        """Fetch records that changed anew, and all that is made of them."""
        self._pages.clear()
        self._requests = None
        for one in (kind, *kind.dependents):
            if one.name in self._made:
                for record_id in record_ids:
                    self._made[one.name].forget(record_id)

    def cancel(self) -> None:
        """Give up what is still on its way."""
        if self.reading is not None:
            self.reading.cancel()
            return
        for loader in self._made.values():
            loader.cancel()
        if self._requests is not None:
            self._requests.cancel()

    def _new(self, kind: CachedKind[Any]) -> RecordLoader[Any]:
        if self._cache is not None and self.reading is not None:
            loader = RelatedLoader if kind.leads_to is not None and self._cache.keeps else CachedLoader
            return loader(kind, self._cache, self.reading)
        assert kind.fetch is not None  # noqa: S101 - only pages have none, and those have no loader
        fetch = partial(kind.fetch, self._account, self._scope)
        if kind.fetch_many is None:
            return Loader(fetch)
        return BatchLoader(partial(kind.fetch_many, self._account, self._scope), fetch, kind.max_batch)

    def _cached_page(
        self, kind: CachedKind[Any], asked: str, ask: Callable[[CallScope], Awaitable[Any]]
    ) -> "asyncio.Future[Any]":
        assert self._cache is not None  # noqa: S101 - the caller looked
        assert self.reading is not None  # noqa: S101 - see above
        sent = Question(self._cache, kind, self._account.identity, lambda scope, _: ask(scope))
        found = self._cache.find(sent.prefix + asked, self.reading)
        if found is None:
            waiter = self.reading.wait(kind.upstream)
            sent.send(((asked, waiter),), self.reading)
            return waiter
        self.reading.touched.update(sent.tags)
        if self.reading.scope.traces is not None:
            self.reading.trace(kind, "", "hit")
        page = asyncio.get_running_loop().create_future()
        page.set_result(found[0].value)
        return page
