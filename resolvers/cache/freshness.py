"""How long records may be served: fresh, stale, or not at all."""

from enum import Enum

import msgspec


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
        in_flight_seconds: How long a shared call may take: more than any operation that joins it early has.
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

    def policies(self) -> dict[Freshness, FreshnessPolicy]:
        """Return the policy of each freshness.

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
