"""The kinds of records that are cached, and how long each may be served: fresh, stale, or not at all."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from resolvers.upstreams.call import CallScope, Method
from resolvers.upstreams.names import UpstreamName


class Freshness(Enum):
    """What decides how long a record is kept: its kind, and for those with a status its state."""

    FINAL = "final"
    ACTIVE = "active"
    REFERENCE = "reference"
    RELATIONSHIP = "relationship"
    QUOTE = "quote"
    LIST = "list"
    MISSING = "missing"


class FreshnessPolicy(msgspec.Struct, frozen=True):
    """How long an entry may be served; a value.

    Args:
        ttl: Seconds for which it is fresh, before jitter.
        revalidate: Seconds past that in which it is served at once while it is fetched anew.
        grace: Seconds past its TTL in which it is served where its upstream fails; at least `revalidate`.
    """

    ttl: float
    revalidate: float = 0.0
    grace: float = 0.0


class CacheConfig(msgspec.Struct, frozen=True):
    """What is kept and shared, and for how long; process lifetime.

    Args:
        keep: Whether records are kept.
        coalesce: Whether calls in flight are shared.
        ttl_final: Seconds for a record whose status no longer changes.
        ttl_active: Seconds for a record whose status may change, and for a page of a list.
        ttl_reference: Seconds for products, channels, organizations and the like.
        ttl_relationship: Seconds for which thing belongs to which, where that cannot change.
        ttl_quote: Seconds for a price quote.
        ttl_missing: Seconds for the knowledge that there is no such thing.
        grace: Seconds past its TTL in which a record may still be served stale.
        max_entries: How many entries a process keeps.
        max_bytes: How many bytes of entries a process keeps.
        flight_seconds: How long a shared call may take: more than any operation that joins it early has.
        lease_seconds: How long one process may keep the others from fetching a record that is in no cache.
    """

    keep: bool = True
    coalesce: bool = True
    ttl_final: float = 86_400
    ttl_active: float = 5
    ttl_reference: float = 600
    ttl_relationship: float = 86_400
    ttl_quote: float = 60
    ttl_missing: float = 5
    grace: float = 600
    max_entries: int = 100_000
    max_bytes: int = 256 * 1024 * 1024
    in_flight_seconds: float = 30
    lease_seconds: float = 5

    def terms(self) -> dict[Freshness, FreshnessPolicy]:
        """The terms of each lifetime.

        A price that no longer holds and a thing that was not there a while ago are never served stale; a page of a
        list only where its upstream fails, since what is new is what a list is asked for.
        """
        grace = self.grace
        return {
            Freshness.FINAL: FreshnessPolicy(self.ttl_final, grace, grace),
            Freshness.ACTIVE: FreshnessPolicy(self.ttl_active, grace, grace),
            Freshness.REFERENCE: FreshnessPolicy(self.ttl_reference, grace, grace),
            Freshness.RELATIONSHIP: FreshnessPolicy(self.ttl_relationship, grace, grace),
            Freshness.QUOTE: FreshnessPolicy(self.ttl_quote),
            Freshness.LIST: FreshnessPolicy(self.ttl_active, 0.0, grace),
            Freshness.MISSING: FreshnessPolicy(self.ttl_missing),
        }


Value = TypeVar("Value")

Fetch = Callable[[Any, CallScope, str], Coroutine[Any, Any, Any]]
"""Gets one record: with the account that may, within the scope's deadline, by its id."""

FetchMany = Callable[[Any, CallScope, Sequence[str]], Coroutine[Any, Any, dict[str, Any]]]


class HasIdentity(Protocol):
    """Whoever has credentials: an account, which stands above the cache."""

    identity: str
    """Names the credentials; never a secret."""


@dataclass(frozen=True, eq=False)
class CachedKind(Generic[Value]):
    """One kind of what is cached; process lifetime.

    Args:
        name: In keys; never changed without changing what older processes would read.
        record: What its values decode to; None stands for a missing one beside it.
        upstream: Who tells it.
        lifetime: Which terms a value is kept under.
        fetch: Gets one; None where there is none. What is asked by a question of its own has no `fetch`.
        fetch_many: Gets several by one call, None where there is none, absent where it cannot tell.
        max_batch: How many go together at most.
        dependents: The kinds whose values under the same id are made of it.
        lists: The names of the lists that it may stand in.
        holds: The records that a value of it brings along.
        leads_to: For a relationship: the kind of what it leads to, of which only the id is kept.
        shared: Whether other processes may have it through Redis.
        path: The path below the upstream's base that its call has, with `{id}`; for traces of what was not called.
        method: Likewise.

    Attributes:
        decoder: Reads its JSON; MessagePack would lose the offset of a time.
    """

    name: str
    record: Any
    upstream: UpstreamName
    lifetime: Callable[[Value], Freshness]
    _: KW_ONLY
    fetch: Fetch | None = None
    fetch_many: FetchMany | None = None
    max_batch: int = 1
    dependents: "tuple[CachedKind[Any], ...]" = ()
    lists: tuple[str, ...] = ()
    holds: "Callable[[Value], Iterable[tuple[CachedKind[Any], str, Any]]] | None" = None
    leads_to: "CachedKind[Any] | None" = None
    shared: bool = True
    path: str = ""
    method: Method = "GET"
    decoder: msgspec.json.Decoder[Value | None] = field(init=False)

    def __post_init__(self) -> None:
        """Make the decoder once."""
        object.__setattr__(self, "decoder", msgspec.json.Decoder(self.record | None))

    def __repr__(self) -> str:
        """The name is enough."""
        return f"<Kind {self.name}>"


def always(lifetime: Freshness) -> Callable[[Any], Freshness]:
    """The lifetime of a kind whose values have no states."""
    return lambda _: lifetime


def by_state(record: Any) -> Freshness:  # noqa: ANN401 - whatever has `final`
    """The lifetime of a record with a status."""
    return Freshness.FINAL if record.final else Freshness.ACTIVE
