"""The kinds of records that are cached: how each is fetched, how long it is fresh, and the keys that it has."""

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
    """What decides how long a record is kept: its kind, and for those with a status its state."""

    FINAL = "final"
    ACTIVE = "active"
    REFERENCE = "reference"
    RELATIONSHIP = "relationship"
    QUOTE = "quote"
    LIST = "list"
    MISSING = "missing"


Value = TypeVar("Value")

MAX_READABLE: Final = 200
"""Characters of a request that stand in its key as they are; a longer one is hashed."""


Fetch = Callable[[Any, CallScope, str], Coroutine[Any, Any, Any]]
"""Fetches one record: with the account's clients, within the scope's deadline, by its id."""


FetchMany = Callable[[Any, CallScope, Sequence[str]], Coroutine[Any, Any, dict[str, Any]]]


class HasIdentity(Protocol):
    """An account, which stands above the cache: its credentials have a name."""

    identity: str
    """Names the credentials; never a secret."""


@dataclass(frozen=True, eq=False)
class CachedKind(Generic[Value]):
    """One kind of what is cached; process lifetime.

    Args:
        name: In keys; never changed without changing what older processes would read.
        record: What its values decode to; None stands for a missing one beside it.
        upstream: Who tells it.
        freshness: Decides how long a value is kept.
        fetch: Gets one; None where there is none. What is asked by a question of its own has no `fetch`.
        fetch_many: Gets several by one call, None where there is none, absent where it cannot tell.
        max_batch: How many go together at most.
        dependents: The kinds whose values under the same id are made of it.
        lists: The names of the lists that it may stand in.
        holds: The records that a value of it brings along.
        leads_to: For a relationship: the kind of what it leads to, of which only the id is kept.
        shared: Whether other processes may have it through Redis.
        operation: The call that fetches one, for estimates; None where several calls may.
        path: The path below the upstream's base that its call has, with `{id}`; for traces of what was not called.
        method: Likewise.

    Attributes:
        decoder: Reads its JSON; MessagePack would lose the offset of a time.
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
        object.__setattr__(self, "decoder", msgspec.json.Decoder(self.record | None))

    def __repr__(self) -> str:
        """The name is enough."""
        return f"<Kind {self.name}>"


def always(freshness: Freshness) -> Callable[[Any], Freshness]:
    """Return the freshness of a kind whose values have no states."""
    return lambda _: freshness


def by_state(record: Any) -> Freshness:  # noqa: ANN401 - whatever has `final`
    """Return the freshness of a record with a status."""
    return Freshness.FINAL if record.final else Freshness.ACTIVE


def key_prefix(identity: str, kind: str) -> str:
    """What all keys of one kind begin with that one identity's credentials fetched.

    The identity is encoded, so that no name of an account can reach into another's keys; what follows the prefix is
    free-form, since nothing comes after it.
    """
    return f"{quote(identity, safe='')}/{kind}/"


def list_tag(identity: str, list_name: str) -> str:
    """The key that stands for a whole list of an identity: whatever was made of any page of it carries this tag."""
    return f"{quote(identity, safe='')}/list/{list_name}"


def is_list_tag(key: str) -> bool:
    """Whether a key stands for a list; an identity holds no slash, so its own part is the first."""
    return key.split("/", 2)[1] == "list"


def request_key(*parts: Any) -> str:  # noqa: ANN401 - whatever msgspec can encode
    """Return the key of a request for no single record, made of all that tells it from others of its kind."""
    text = msgspec.json.encode(parts).decode()
    return text if len(text) <= MAX_READABLE else blake2b(text.encode(), digest_size=24).hexdigest()
