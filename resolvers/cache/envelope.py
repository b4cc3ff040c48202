"""A record as it travels through Redis: with wall-clock times, since processes share no other clock."""

import msgspec

from resolvers.cache.entry import Entry
from resolvers.cache.freshness import Freshness, FreshnessPolicy
from resolvers.cache.kind import CachedKind, Value
from resolvers.cache.memory import cost_of


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """A record and when it was told; lives in Redis.

    Args:
        stored_at: Wall clock, in seconds.
        fresh_until: Wall clock, in seconds.
        freshness: Names its policy.
        record: Its JSON, `null` for what does not exist.
    """

    stored_at: float
    fresh_until: float
    freshness: Freshness
    record: msgspec.Raw


_ENVELOPE = msgspec.json.Decoder(Envelope)


def sealed(entry: Entry, freshness: Freshness, record: bytes, *, now: float, wall: float) -> bytes:
    """An entry for Redis.

    Args:
        entry: What is kept here.
        freshness: Names its policy.
        record: Its JSON.
        now: The cache's clock.
        wall: The wall clock.
    """
    return msgspec.json.encode(
        Envelope(wall + entry.stored_at - now, wall + entry.fresh_until - now, freshness, msgspec.Raw(record))
    )


def opened(
    kind: CachedKind[Value], data: bytes, policies: dict[Freshness, FreshnessPolicy], *, now: float, wall: float
) -> Entry | None:
    """The entry that Redis had; None where another version of the gateway wrote what this one cannot read.

    A wall clock that stands wrong makes a record at most as old as its own TTL, never younger.
    """
    try:
        envelope = _ENVELOPE.decode(data)
        value = kind.decoder.decode(envelope.record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    own = policies[envelope.freshness]
    stored_at = now - max(0.0, wall - envelope.stored_at)
    fresh_until = min(now + envelope.fresh_until - wall, now + own.ttl)
    return Entry(value, stored_at, fresh_until, own, cost_of(bytes(envelope.record)))
