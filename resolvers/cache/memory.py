"""Entries of the cache, how long each may be served, and the layer that keeps them in this process.

The layer is an aiocache backend bounded in entries and in bytes; the least recently used goes first.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from aiocache.base import BaseCache  # type: ignore[import-untyped]  # aiocache has no types
from aiocache.serializers import NullSerializer  # type: ignore[import-untyped]  # aiocache has no types


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


ENTRY_BYTES: Final = 700
"""What an entry costs beside its record: key, times, its place in the table; measured."""


BYTES_PER_ENCODED_BYTE: Final = 3
"""How much larger a decoded record is than its JSON; measured on the records of all kinds, rounded up."""


def cost_of(encoded: bytes) -> int:
    """What a record weighs in memory, estimated in bytes from its encoded form.

    Walking the objects would cost as much as fetching them over loopback.
    """
    return ENTRY_BYTES + BYTES_PER_ENCODED_BYTE * len(encoded)


class BoundedMemory(BaseCache):  # type: ignore[misc]  # aiocache has no types
    """Keeps entries up to a number and a weight; process lifetime.

    `peek`, `put` and `drop` are what a loader uses: aiocache's own interface costs a hundred times as much for each
    key. Both see the same entries.

    Args:
        max_entries: How many entries are kept.
        max_bytes: How much they may weigh together, by `Entry.cost`.
    """

    NAME = "bounded-memory"

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        super().__init__(serializer=NullSerializer(), timeout=0)
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self.bytes = 0
        """What the entries weigh together."""

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    def peek(self, key: str) -> Entry | None:
        """The entry of a key, now the most recently used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry, at the price of those least recently used; one too heavy for the whole bound is not kept."""
        self.drop((key,))
        if entry.cost > self._max_bytes:
            return
        self._entries[key] = entry
        self.bytes += entry.cost
        while len(self._entries) > self._max_entries or self.bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.bytes -= oldest.cost

    def drop(self, keys: Iterable[str]) -> int:
        """Forget some keys; how many of them were there."""
        dropped = 0
        for key in keys:
            entry = self._entries.pop(key, None)
            if entry is not None:
                self.bytes -= entry.cost
                dropped += 1
        return dropped

    def drop_all(self) -> None:
        """Forget everything."""
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
        """Keep an entry; its TTL is its own, so aiocache's is left aside."""
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
