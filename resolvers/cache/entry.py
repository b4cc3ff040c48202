"""A record as the cache keeps it."""

from typing import Any

import msgspec

from resolvers.cache.freshness import FreshnessPolicy


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record with the time until which it is fresh; cache lifetime.

    Times are seconds of the cache's clock.

    Args:
        value: The record; None where there is no such thing.
        stored_at: When its upstream answered it.
        fresh_until: When its TTL ends.
        policy: How long it may be served after that.
        cost: What it weighs in memory, estimated in bytes.
    """

    value: Any
    stored_at: float
    fresh_until: float
    policy: FreshnessPolicy
    cost: int = 0

    def may_revalidate(self, now: float) -> bool:
        """Whether it may be served at once while it is fetched anew."""
        return now < self.fresh_until + self.policy.revalidate

    def may_stand_in(self, now: float) -> bool:
        """Whether it may be served where its upstream fails."""
        return now < self.fresh_until + self.policy.grace
