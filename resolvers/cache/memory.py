"""Entries of the cache, how long each may be served, and the layer that keeps them in this process.

The layer is an aiocache backend bounded in entries and in bytes; the least recently used goes first.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from aiocache.base import BaseCache  # type: ignore[import-untyped]  # aiocache has no types
from aiocache.serializers import NullSerializer  # type: ignore[import-untyped]  # aiocache has no types


class FreshnessPolicy(msgspec.Struct, frozen=True):
    """How long an entry may be served, in the terms of RFC 5861: stale-while-revalidate and stale-if-error.

    Args:
        ttl: Seconds for which an entry is fresh, before jitter.
        revalidate: Seconds after the TTL in which an entry is served at once while it is fetched again.
        grace: Seconds after the TTL in which an entry is served if its upstream fails; at least `revalidate`.
    """

    ttl: float
    revalidate: float = 0.0
    grace: float = 0.0


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record in the cache. Lifetime: until it is forgotten or makes room. Times are seconds of the cache's clock.

    Args:
        value: The record; None if it does not exist.
        stored_at: When the upstream answered.
        fresh_until: When its TTL ends.
        policy: How long it may be served after that.
        cost: Its estimated size in memory, in bytes.
    """

    value: Any
    stored_at: float
    fresh_until: float
    policy: FreshnessPolicy
    cost: int = 0

    def usable_while_revalidating(self, now: float) -> bool:
        """Return whether the entry may be served at once while it is fetched again."""
        return now < self.fresh_until + self.policy.revalidate

    def usable_if_error(self, now: float) -> bool:
        """Return whether the entry may be served if its upstream fails."""
        return now < self.fresh_until + self.policy.grace


ENTRY_BYTES: Final = 700
"""Size of an entry without its record (key, times, place in the table), as measured."""


BYTES_PER_ENCODED_BYTE: Final = 3
"""Size of a decoded record relative to its JSON, as measured on records of all kinds, rounded up."""


def cost_of(encoded: bytes) -> int:
    """Return the estimated size of an entry in memory, in bytes, from the JSON of its record."""
    # Measuring the objects themselves would cost as much as fetching them over loopback.
    return ENTRY_BYTES + BYTES_PER_ENCODED_BYTE * len(encoded)


class BoundedMemory(BaseCache):  # type: ignore[misc]  # aiocache has no types
    """Keeps entries in memory up to a number and a size. Lifetime: process.

    Loaders use `peek`, `put` and `drop`, because aiocache's own interface costs a hundred times as much for each key.
    Both interfaces have the same entries.

    Args:
        max_entries: How many entries are kept.
        max_bytes: The size of all entries together, by `Entry.cost`.
    """

    NAME = "bounded-memory"

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        super().__init__(serializer=NullSerializer(), timeout=0)
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self.bytes = 0
        """The size of all entries together, by `Entry.cost`."""

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def kinds(self) -> Iterator[str]:
        """Yield the kind of each entry; takes time by their number."""
        return (key.split("/", 2)[1] for key in self._entries)

    def peek(self, key: str) -> Entry | None:
        """Return the entry of a key and mark it as the most recently used; None if there is none."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry unless it is larger than `max_bytes`; drop the least recently used ones beyond the bounds."""
        self.drop((key,))
        # It would push out all others, and then not fit either.
        if entry.cost > self._max_bytes:
            return
        self._entries[key] = entry
        self.bytes += entry.cost
        while len(self._entries) > self._max_entries or self.bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.bytes -= oldest.cost

    def drop(self, keys: Iterable[str]) -> int:
        """Drop the entries of some keys and return how many there were."""
        dropped = 0
        for key in keys:
            entry = self._entries.pop(key, None)
            if entry is not None:
                self.bytes -= entry.cost
                dropped += 1
        return dropped

    def drop_all(self) -> None:
        """Drop all entries."""
        self._entries.clear()
        self.bytes = 0

    async def _get(self, key: str, encoding: str | None = None, _conn: Any = None) -> Entry | None:  # noqa: ANN401 - aiocache's
        del encoding
        return self.peek(key)

    async def _multi_get(
        self,
        keys: Sequence[str],
        encoding: str | None = None,
        _conn: Any = None,  # noqa: ANN401 - aiocache's
    ) -> list[Entry | None]:
        del encoding
        return [self.peek(key) for key in keys]

    async def _set(
        self,
        key: str,
        value: Entry,
        ttl: float | None = None,
        _cas_token: Any = None,  # noqa: ANN401 - aiocache's
        _conn: Any = None,  # noqa: ANN401 - aiocache's
    ) -> bool:
        # An entry has its own TTL.
        del ttl
        self.put(key, value)
        return True

    async def _multi_set(
        self,
        pairs: Iterable[tuple[str, Entry]],
        ttl: float | None = None,
        _conn: Any = None,  # noqa: ANN401 - aiocache's
    ) -> bool:
        del ttl
        for key, entry in pairs:
            self.put(key, entry)
        return True

    async def _delete(self, key: str, _conn: Any = None) -> int:  # noqa: ANN401 - aiocache's
        return self.drop((key,))

    async def _exists(self, key: str, _conn: Any = None) -> bool:  # noqa: ANN401 - aiocache's
        return key in self._entries

    async def _clear(self, namespace: str | None = None, _conn: Any = None) -> bool:  # noqa: ANN401 - aiocache's
        del namespace
        self.drop_all()
        return True

    def _build_key(self, key: str, namespace: str | None = None) -> str:
        del namespace
        return key
