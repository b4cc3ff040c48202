"""The cache of records: the entries of this process, the reads in flight, and what is invalidated together."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from random import Random
from typing import Any

import msgspec

from resolvers.cache.invalidations import Invalidations, Marks
from resolvers.cache.kind import CachedKind, Freshness, Value, is_list_tag, key_prefix, list_tag
from resolvers.cache.memory import ENTRY_BYTES, BoundedMemory, Entry, FreshnessPolicy, cost_of
from resolvers.cache.reads import Batch, InFlight, ReadSet
from resolvers.cache.redis_link import CacheCounts
from resolvers.cache.shared import SharedItem, SharedRecords, encode_entry
from resolvers.histogram import Histogram
from resolvers.upstreams.transport.stack import loop_clock


class CacheConfig(msgspec.Struct, frozen=True):
    """What is kept and shared, and for how long. Lifetime: process.

    Args:
        keep: Whether records are kept.
        coalesce: Whether reads in flight are shared.
        ttl_final: Seconds for a record whose status no longer changes.
        ttl_active: Seconds for a record whose status may change, and for a page of a list.
        ttl_reference: Seconds for products, channels, organizations and the like.
        ttl_relationship: Seconds for relationships between records that cannot change.
        ttl_quote: Seconds for a price quote.
        ttl_missing: Seconds for the result that a record does not exist.
        grace: Seconds past its TTL in which a record may still be served stale.
        max_entries: How many entries a process keeps.
        max_bytes: How many bytes of entries a process keeps.
        in_flight_seconds: Time limit of a shared read; longer than the time limit of an operation.
        lease_seconds: How long other processes wait for the process that fetches a record.
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

        Prices and missing records are never served stale, and pages of lists only if their upstream fails.
        """
        # A price that has expired is wrong, a missing record may have been created, and a list is read for what is new.
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


BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200)
"""Upper bounds of the intervals that sizes of batches are counted in."""


class KindCounts(msgspec.Struct):
    """How often records of one kind were served how, for metrics; counters only increase. Lifetime: process.

    Args:
        hits: Records served fresh from memory.
        stale: Records served stale.
        misses: Records read from Redis or an upstream.
        joined: Records whose read was in flight already.
        from_redis: Those of the misses that were found in Redis.
        batches: How many records were read together.
    """

    hits: int = 0
    stale: int = 0
    misses: int = 0
    joined: int = 0
    from_redis: int = 0
    batches: Histogram = msgspec.field(default_factory=lambda: Histogram(BATCH_SIZES))


JITTER = 0.1
"""The random part of a TTL, so that records that were fetched together do not expire together."""


REMEMBERED_LISTS = 20_000
"""Lists whose last change is remembered; pages of a list that is not are fetched once more."""


REMEMBERED_PREFIXES = 20_000
"""Prefixes of keys that are kept; there is one for each identity and kind."""


class RecordCache:
    """The records of a process, by identity, kind and id. Lifetime: process.

    Operations read through their loaders; a resolver that changes a record calls `forget`.

    Args:
        config: What is kept, and for how long.
        shared: The layer in Redis, if it is configured.
        counts: Counts what happens to all of it, for metrics.
        clock: A monotonic clock, in seconds.
        wall: The wall clock, in seconds since the epoch; for what other processes read.
        random: For jitter.

    Attributes:
        invalidations: Notifies its listeners of all that is forgotten.
        counts: The counters of all of it, for metrics.
        by_kind: The counters of each kind, by its name.
        keeps: Whether records are kept; if not, reads in flight may still be shared.
        passes_through: Whether records are neither kept nor shared in flight.
    """

    def __init__(
        self,
        config: CacheConfig,
        *,
        shared: SharedRecords | None = None,
        counts: CacheCounts | None = None,
        clock: Callable[[], float] = loop_clock,
        wall: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        self.config = config
        self.shared = shared if config.keep else None
        self.clock = clock
        self.wall = wall
        self.keeps = config.keep
        self.passes_through = not config.keep and not config.coalesce
        self.policies = config.policies()
        self.memory = BoundedMemory(config.max_entries, config.max_bytes)
        self.invalidations = Invalidations()
        self.counts = counts or CacheCounts()
        self.by_kind: dict[str, KindCounts] = {}
        self.in_flight_reads: dict[str, InFlight] = {}
        self.batches: set[Batch] = set()
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._generations = Marks(REMEMBERED_LISTS)
        self._prefixes: dict[tuple[str, str], str] = {}
        if shared is not None:
            shared.link.on_notice = self._forget_here
            shared.link.on_gap = self._forget_all_here

    async def open(self) -> None:
        """Connect to Redis, if it is configured."""
        if self.shared is not None:
            await self.shared.link.open()

    async def close(self) -> None:
        """Cancel the reads in flight, finish the writes to Redis, and disconnect from it."""
        tasks = [batch.task for batch in self.batches if batch.task is not None]
        for batch in list(self.batches):
            if batch.task is not None and batch.unfinished():
                batch.task.cancel()
        # Those that are not cancelled are writing to Redis.
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.shared is not None:
            await self.shared.link.close()

    def prefix(self, identity: str, kind: CachedKind[Any]) -> str:
        """Return the prefix of the keys of a kind; that of pages changes whenever their list does."""
        named = (identity, kind.name)
        prefix = self._prefixes.get(named)
        if prefix is None:
            if len(self._prefixes) >= REMEMBERED_PREFIXES:
                # They can be made again; a bound by age would cost more.
                self._prefixes.clear()
            prefix = self._prefixes[named] = key_prefix(identity, kind.name)
        if kind.shared:
            return prefix
        # A change of a list changes the prefix of its pages, so that the pages of before are not found any more.
        generation = sum(self._generations.get(tag) for tag in self.tags(identity, kind))
        return f"{prefix}{generation}/"

    def counts_of(self, kind: CachedKind[Any]) -> KindCounts:
        """Return the counters of a kind."""
        # `get` first, because `setdefault` alone would make counters at each call.
        return self.by_kind.get(kind.name) or self.by_kind.setdefault(kind.name, KindCounts())

    def tags(self, identity: str, kind: CachedKind[Any]) -> list[str]:
        """Return the tags of the lists that contain a kind's records, or that its pages are of."""
        return [list_tag(identity, name) for name in kind.lists]

    def find(self, key: str, read_set: ReadSet, counts: KindCounts) -> tuple[Entry, float | None] | None:
        """Return the entry that may be served, and its age in seconds if it is stale.

        Returns None where the operation has to wait.

        Args:
            key: The key of the entry.
            read_set: The read set of the operation.
            counts: The counters of its kind.
        """
        entry = self.memory.peek(key)
        if entry is None:
            return None
        now = self.clock()
        if now < entry.fresh_until:
            counts.hits += 1
            read_set.took(key, entry)
            return entry, None
        if read_set.permits_stale and entry.usable_while_revalidating(now):
            counts.stale += 1
            read_set.took(key, entry)
            return entry, now - entry.stored_at
        return None

    def keep(self, kind: CachedKind[Value], key: str, value: Value | None, mark: int, tags: Sequence[str]) -> "Kept":
        """Keep a value that was read from its upstream, unless it was invalidated since the read began.

        Args:
            kind: The kind of the value.
            key: The key of its entry.
            value: The record; None if it does not exist.
            mark: `Invalidations.mark` when the read began.
            tags: The tags of the lists that it is a page of.
        """
        freshness = Freshness.MISSING if value is None else kind.freshness(value)
        policy = self.policies[freshness]
        now = self.clock()
        # It may be older than the change, so the waiters get it and it is not kept.
        if not self.keeps or self.invalidations.since(mark, (key, *tags)):
            return Kept(key, Entry(value, now, now, policy), freshness)
        kept_value: Any = value
        if kind.leads_to is not None and value is not None:
            kept_value = self._destination_id(kind, value)
        encoded = _encoded(kept_value)
        fresh_until = now + policy.ttl * (1 - JITTER * self._random.random())
        entry = Entry(kept_value, now, fresh_until, policy, cost_of(encoded) if encoded else ENTRY_BYTES)
        self.memory.put(key, entry)
        return Kept(key, entry, freshness, encoded if kind.shared else b"")

    def keep_held(self, kind: CachedKind[Value], identity: str, value: Value | None, mark: int) -> list["Kept"]:
        """Keep the records that a value contains, such as the deliveries of a page."""
        if kind.holds is None or value is None or not self.keeps:
            return []
        prefixes: dict[str, str] = {}
        kept = []
        for held, record_id, record in kind.holds(value):
            prefix = prefixes.get(held.name) or prefixes.setdefault(held.name, self.prefix(identity, held))
            kept.append(self.keep(held, prefix + record_id, record, mark, ()))
        return kept

    def item(self, kept: "Kept", *, token: str = "", leased: bool = False) -> SharedItem:
        """Return what is written to Redis of a record."""
        now, entry = self.clock(), kept.entry
        data = encode_entry(entry, kept.freshness, kept.encoded, now=now, wall=self.wall()) if kept.encoded else b""
        return SharedItem(kept.key, data, entry.fresh_until + entry.policy.grace - now, token, leased)

    def dependents(self, identity: str, kind: CachedKind[Any], record_ids: Iterable[str]) -> set[str]:
        """Return the keys of records, of all that is derived from them, and the tags of their lists."""
        keys = set(self.tags(identity, kind))
        for record_id in record_ids:
            for one in (kind, *kind.dependents):
                keys.add(self.prefix(identity, one) + record_id)
        return keys

    async def forget(self, identity: str, kind: CachedKind[Any], record_ids: Collection[str] = ()) -> None:
        """Forget changed records and all that depends on them; return once every process has.

        Args:
            identity: The identity whose records have changed.
            kind: The kind of the records.
            record_ids: The upstream's own ids; none if only the lists of the kind have changed.
        """
        keys = self.dependents(identity, kind, record_ids)
        if self.shared is not None:
            # Redis first: in the other order, a read could take the old entry from there in between.
            await self.shared.forget(sorted(keys))
        self._forget_here(keys)

    def current(self, read_set: ReadSet) -> bool:
        """Return whether nothing that an operation has read was invalidated since it began."""
        return not self.invalidations.since(read_set.mark, read_set.touched)

    def _forget_here(self, keys: Collection[str]) -> None:
        self.counts.forgotten += len(keys)
        self.memory.drop(keys)
        generation = self.invalidations.mark + 1
        for key in keys:
            # Later operations must not join a read that began before the change.
            self.in_flight_reads.pop(key, None)
            if is_list_tag(key):
                self._generations.set(key, generation)
        self.invalidations.note(keys)

    def _forget_all_here(self) -> None:
        self.memory.drop_all()
        self.in_flight_reads.clear()
        self.invalidations.note_all()

    def _destination_id(self, kind: CachedKind[Any], value: Any) -> str:  # noqa: ANN401 - whatever the relationship leads to
        ends: Iterable[tuple[CachedKind[Any], str, Any]] = kind.holds(value) if kind.holds else ()
        return next(record_id for _, record_id, _ in ends)


def pass_through() -> RecordCache:
    """Return a cache that keeps and shares nothing, so that every read reaches the upstream."""
    return RecordCache(CacheConfig(keep=False, coalesce=False))


class Kept(msgspec.Struct, frozen=True):
    """A record that was just read, as it is kept. Lifetime: until its waiters are resolved.

    Args:
        key: The key of its entry.
        entry: The entry; already expired if it is not kept.
        freshness: The freshness of the record.
        encoded: Its JSON, for other processes; empty if they do not get it.
    """

    key: str
    entry: Entry
    freshness: Freshness
    encoded: bytes = b""


def _encoded(value: Any) -> bytes:  # noqa: ANN401 - any record
    """Return the JSON of a record; empty if it has none."""
    # Half of a surrogate pair, for instance, has no JSON; such a record is not shared with other processes.
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, UnicodeEncodeError, TypeError):
        return b""
