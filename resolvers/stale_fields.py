"""Loaders that note which field got which stale record: for saying so, once an operation is known to have got some."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator
from contextvars import ContextVar
from typing import Any

from resolvers.cache.keys import request_key
from resolvers.cache.kind import CachedKind
from resolvers.catalogue import RecordType
from resolvers.context import Context
from resolvers.later import Later
from resolvers.loading.loader import RecordLoader
from resolvers.loading.record_loaders import RecordLoaders, part_of
from resolvers.upstreams.call import CallScope

Path = tuple[str | int, ...]

FIELD: ContextVar[Path] = ContextVar("FIELD", default=())
"""The path of the field whose resolver runs; set by the second execution."""


class StaleFields:
    """Which fields were given stale records, and how old those are; lifetime: the second execution.

    Args:
        stale: The keys of what was served stale, with its age in seconds.
    """

    def __init__(self, stale: dict[str, float]) -> None:
        self._stale = stale
        self.ages: dict[Path, float] = {}

    def took(self, field: Path, keys: Collection[str]) -> None:
        """Note what a field was given."""
        for key in keys:
            age = self._stale.get(key)
            if age is not None:
                self.ages[field] = max(age, self.ages.get(field, 0.0))


class RecordedLoaders:
    """An operation's loaders once more, with all that they hold; lifetime: the second execution."""

    def __init__(self, loaders: RecordLoaders, fields: StaleFields) -> None:
        self._loaders = loaders
        self._fields = fields

    def of(self, kind: CachedKind[Any]) -> "_RecordedLoader":
        """Return the operation's loader of a kind, as one that notes."""
        return _RecordedLoader(self._loaders.of(kind), self._fields)

    def record(self, record_type: RecordType, own_id: str) -> Awaitable[Any]:
        """Return a record of a type, noted where it is awaited."""
        value: Any = self.of(record_type.kind).load(record_type.kept_id(own_id))
        return part_of(record_type, own_id, value)

    def page(
        self, kind: CachedKind[Any], arguments: tuple[Any, ...], fetch: Callable[[CallScope], Coroutine[Any, Any, Any]]
    ) -> "_Noting":
        """The page that the operation has had already."""
        key = self._loaders.page_key(kind, request_key(*arguments))
        return _Noting(self._loaders.page(kind, arguments, fetch), self._fields, (key,))


class _RecordedLoader:
    """One loader that notes for which field a record is awaited; one that is loaded ahead is not yet anybody's."""

    def __init__(self, loader: RecordLoader[Any], fields: StaleFields) -> None:
        self._loader = loader
        self._fields = fields

    def load(self, record_id: str) -> "_Noting":
        return _Noting(self._loader.load(record_id), self._fields, self._loader.keys(record_id))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the loader has
        return getattr(self._loader, name)


class _Noting:
    """A record that notes the field that awaits it."""

    def __init__(self, value: "asyncio.Future[Any]", fields: StaleFields, keys: Collection[str]) -> None:
        self._value = value
        self._fields = fields
        self._keys = keys
        self.field = FIELD.get()

    def __await__(self) -> Generator[Any, None, Any]:
        self._fields.took(self.field, self._keys)
        return self._value.__await__()


def place(value: Any, field: Path) -> None:  # noqa: ANN401 - whatever a resolver returns
    """Let a record that a field returns unawaited, or an item of a list of them, be noted for just that place."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            place(item, (*field, number))
    elif isinstance(value, Later):
        place(value.source, field)
    elif isinstance(value, _Noting):
        value.field = field


def recorded(context: Context, fields: StaleFields) -> Context:
    """The same operation's context for a second execution, which asks no upstream: every record is at hand.

    Args:
        context: The operation's, not yet closed.
        fields: Where to note.
    """
    again = Context(context.account, context.scope, context.now)
    again.loaders = RecordedLoaders(context.loaders, fields)  # type: ignore[assignment]  # has all that resolvers use
    return again
