"""The kinds of records that are cached: how each is fetched, what its freshness depends on, and its keys.

A key is `identity/kind/id`. The identity comes first, so that no caller is answered with what the credentials of others
have fetched.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from hashlib import blake2b
from typing import Any, Final, Generic, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from resolvers.upstreams.call import CallScope, Method
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.operations import Operation


class Freshness(Enum):
    """What decides how long a record is kept: its kind, and its status if it has one."""

    FINAL = "final"
    ACTIVE = "active"
    REFERENCE = "reference"
    RELATIONSHIP = "relationship"
    QUOTE = "quote"
    LIST = "list"
    MISSING = "missing"


Value = TypeVar("Value")

MAX_READABLE: Final = 200
"""Characters of a request up to which its key is readable; the key of a longer request is its hash."""


Fetch = Callable[[Any, CallScope, str], Coroutine[Any, Any, Any]]
"""Fetches one record by its id, with the account's clients and within the scope's deadline."""


FetchMany = Callable[[Any, CallScope, Sequence[str]], Coroutine[Any, Any, dict[str, Any]]]


class HasIdentity(Protocol):
    """An account, as the cache uses it; the layers above define it."""

    identity: str
    """The name of the credentials; never a secret."""


@dataclass(frozen=True, eq=False)
class CachedKind(Generic[Value]):
    """A kind of record, or of page of a list. Lifetime: process.

    Args:
        name: Its part of the keys. Another release that shares the Redis reads what is kept under the same name, so
            change the name whenever the form of the records changes.
        record: The type that its values decode to. A missing record is kept as None.
        upstream: The upstream that answers it.
        freshness: Returns the freshness of a value.
        fetch: Fetches one value by its id, and returns None if there is none. A page, which has no id, has no `fetch`.
        fetch_many: Fetches several values by one call: a dict of value by id, with None for a record that does not
            exist. An id that the answer says nothing about is left out, and is fetched by `fetch`.
        max_batch: How many ids `fetch_many` takes.
        dependents: The kinds whose values of the same id are derived from this one, and invalidated with it.
        lists: The names of the lists that contain its records, and are invalidated with them.
        holds: Returns the records that a value contains, with their kinds and ids; they are kept as well.
        leads_to: For a relationship, the kind of the record that it leads to. The relationship keeps only its id.
        shared: Whether values are shared with other processes through Redis. Pages are not: their keys contain the
            number of the last change of their list, which each process counts for itself.
        operation: The operation of the upstream that fetches one, for estimates; None if it differs.
        path: The path of that call below the upstream's base URL, with `{id}`. Traces name it for values that were not
            fetched.
        method: The HTTP method of that call.

    Attributes:
        decoder: Decodes the JSON that is kept in Redis.
    """

    name: str
    record: Any
    upstream: UpstreamName
    freshness: Callable[[Value], Freshness]
    _: KW_ONLY
    fetch: Fetch | None = None
    fetch_many: FetchMany | None = None
    max_batch: int = 1
    dependents: "tuple[CachedKind[Any], ...]" = ()
    lists: tuple[str, ...] = ()
    holds: "Callable[[Value], Iterable[tuple[CachedKind[Any], str, Any]]] | None" = None
    leads_to: "CachedKind[Any] | None" = None
    shared: bool = True
    operation: Operation | None = None
    path: str = ""
    method: Method = "GET"
    decoder: msgspec.json.Decoder[Value | None] = field(init=False)

    def __post_init__(self) -> None:
        """Make the decoder once."""
        # JSON, because MessagePack would lose the offset of a time.
        object.__setattr__(self, "decoder", msgspec.json.Decoder(self.record | None))

    def __repr__(self) -> str:
        """Return the name; a kind refers to other kinds, whose names would fill pages."""
        return f"<Kind {self.name}>"


def always(freshness: Freshness) -> Callable[[Any], Freshness]:
    """Return the freshness of a kind whose values have no states."""
    return lambda _: freshness


def by_state(record: Any) -> Freshness:  # noqa: ANN401 - any record with `final`
    """Return the freshness of a record with a status."""
    return Freshness.FINAL if record.final else Freshness.ACTIVE


def key_prefix(identity: str, kind: str) -> str:
    """Return the beginning of the keys of one kind and one identity; the id follows, which may be any text."""
    # Quoted, so that no account's name can contain a slash and reach into the keys of another.
    return f"{quote(identity, safe='')}/{kind}/"


def list_tag(identity: str, list_name: str) -> str:
    """Return the key that stands for a whole list of an identity; everything derived from a page of it has this tag."""
    return f"{quote(identity, safe='')}/list/{list_name}"


def is_list_tag(key: str) -> bool:
    """Return whether a key stands for a list."""
    # The first part is the identity, which is quoted and holds no slash.
    return key.split("/", 2)[1] == "list"


def request_key(*parts: Any) -> str:  # noqa: ANN401 - anything that msgspec can encode
    """Return the key of a request that has no id, such as for a page, from the arguments that identify it."""
    text = msgspec.json.encode(parts).decode()
    return text if len(text) <= MAX_READABLE else blake2b(text.encode(), digest_size=24).hexdigest()
