"""The smallest upstream: notes of several owners, whose fetches a test counts, holds up and lets fail."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import msgspec

from resolvers.cache.kind import CachedKind, Freshness, always, by_state
from resolvers.cache.reads import ReadSet
from resolvers.cache.records import CacheConfig, RecordCache
from resolvers.cache.redis_link import CacheCounts, RedisLink
from resolvers.cache.shared import SharedRecords
from resolvers.errors import UpstreamError
from resolvers.loading.loaders import RecordLoader
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.names import UpstreamName


class Note(msgspec.Struct, frozen=True):
    """One note; says whose it is, so that a leak shows."""

    owner: str
    text: str
    final: bool = False


@dataclass
class Notes:
    """The upstream of one test.

    Args:
        texts: What is true, by owner and id.
        fetched: Each fetch, by owner and id, in order.
        failure: What every fetch raises.
        gate: What every fetch waits for after it has read.
    """

    texts: dict[tuple[str, str], Note] = field(default_factory=dict)
    fetched: list[tuple[str, str]] = field(default_factory=list)
    failure: UpstreamError | None = None
    gate: asyncio.Event | None = None
    cancelled: int = 0
    deadlines: list[float] = field(default_factory=list)
    turns_by: list[float] = field(default_factory=list)

    def write(self, owner: str, note_id: str, text: str, *, final: bool = False) -> None:
        self.texts[owner, note_id] = Note(owner, text, final)

    def open_gate(self) -> None:
        """Let every fetch go on."""
        assert self.gate is not None
        self.gate.set()

    async def fetch(self, scope: CallScope, owner: str, note_id: str) -> Note | None:
        self.fetched.append((owner, note_id))
        self.deadlines.append(scope.deadline)
        self.turns_by.append(scope.turn_by)
        found = self.texts.get((owner, note_id))
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        return found


@dataclass
class Owner:
    """An account: its identity and the upstream that it reaches."""

    identity: str
    notes: Notes


async def _fetch(owner: Owner, scope: CallScope, note_id: str) -> Note | None:
    return await owner.notes.fetch(scope, owner.identity, note_id)


async def _fetch_many(owner: Owner, scope: CallScope, note_ids: Sequence[str]) -> dict[str, Note]:
    owner.notes.fetched.append((owner.identity, ",".join(note_ids)))
    del scope
    found = {one: owner.notes.texts.get((owner.identity, one)) for one in note_ids}
    return {one: note for one, note in found.items() if note is not None}


NOTE = CachedKind[Note](
    "note", Note, UpstreamName.DELIVERIES, by_state, fetch=_fetch, lists=("notes",), path="/notes/{id}"
)
BATCHED_NOTE = CachedKind[Note](
    "batched note", Note, UpstreamName.DELIVERIES, by_state, fetch=_fetch, fetch_many=_fetch_many, max_batch=10
)
LISTED_NOTE = CachedKind[Note]("listed note", Note, UpstreamName.DELIVERIES, always(Freshness.LIST), fetch=_fetch)
"""Served past its TTL only where its upstream fails, as a page of a list is."""


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Operation(RecordLoader[Note]):
    """One operation of one owner."""

    def __init__(
        self, cache: RecordCache, owner: Owner, deadline: float = math.inf, kind: CachedKind[Note] = NOTE
    ) -> None:
        self.reading = ReadSet(owner, CallScope(deadline), cache.invalidations.mark)
        super().__init__(kind, cache, self.reading)


def new_cache(clock: Clock, **config: float) -> RecordCache:
    return RecordCache(msgspec.convert(config, CacheConfig), clock=clock, wall=clock, random=Random(1))  # noqa: S311 - jitter


@asynccontextmanager
async def process(url: str, prefix: str, clock: Clock, **config: float) -> AsyncIterator[RecordCache]:
    """The cache of one process among several."""
    counts = CacheCounts()
    shared = SharedRecords(RedisLink(url, prefix, counts), prefix)
    settings = msgspec.convert(config, CacheConfig)
    cache = RecordCache(settings, shared=shared, counts=counts, clock=clock, wall=clock, random=Random(1))  # noqa: S311 - jitter
    await cache.open()
    try:
        yield cache
    finally:
        await cache.close()


async def turns(count: int = 20) -> None:
    """Let everything happen that needs no waiting."""
    for _ in range(count):
        await asyncio.sleep(0)
