"""Attempts to get under one identity what another's credentials fetched, in every state that a record can be in."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from resolvers.cache.kind import key_prefix, list_tag
from resolvers.cache.records import RecordCache
from resolvers.errors import UpstreamUnavailable
from resolvers.upstreams.names import UpstreamName
from tests.cache.notes import BATCHED_NOTE, NOTE, Clock, Note, Notes, Operation, Owner, new_cache, process, turns

OWNERS = ("ann", "bob")
AWKWARD = ("ann", "ann/note", "ann/note/", "account:ann", "account%3Aann", "", "ann/list")


class Stage:
    """Two owners whose notes have the same ids, over one cache."""

    def __init__(self, cache: RecordCache, clock: Clock) -> None:
        self.cache, self.clock, self.notes = cache, clock, Notes()
        for owner in OWNERS:
            self.notes.write(owner, "1", f"{owner}'s first")
            self.notes.write(owner, "2", f"{owner}'s second")

    def both(self) -> list[asyncio.Future[Note | None]]:
        operations = [Operation(self.cache, Owner(owner, self.notes)) for owner in OWNERS]
        operations += [Operation(self.cache, Owner(owner, self.notes), kind=BATCHED_NOTE) for owner in OWNERS]
        return [operation.load(one) for operation in operations for one in ("1", "2")]

    async def check(self) -> None:
        owners = [note.owner for note in await asyncio.gather(*self.both()) if note]
        assert owners == ["ann", "ann", "bob", "bob"] * 2


async def cold(stage: Stage) -> None:
    await stage.check()


async def warm(stage: Stage) -> None:
    await stage.check()
    await stage.check()


async def in_flight(stage: Stage) -> None:
    stage.notes.gate = asyncio.Event()
    pending = stage.both() + stage.both()
    await turns()
    stage.notes.open_gate()
    owners = [note.owner for note in await asyncio.gather(*pending) if note]
    assert owners == ["ann", "ann", "bob", "bob"] * 4


async def stale(stage: Stage) -> None:
    await stage.check()
    stage.clock.advance(30)
    await stage.check()
    await turns(100)
    await stage.check()


async def stale_during_an_outage(stage: Stage) -> None:
    await stage.check()
    stage.clock.advance(30)
    stage.notes.failure = UpstreamUnavailable(UpstreamName.DELIVERIES, "down")
    await stage.check()
    await turns(100)


async def after_one_changed(stage: Stage) -> None:
    await stage.check()
    await stage.cache.forget("ann", NOTE, ["1"])
    await stage.cache.forget("bob", BATCHED_NOTE, ["2"])
    await stage.check()


@pytest.mark.parametrize(
    "attempt",
    [cold, warm, in_flight, stale, stale_during_an_outage, after_one_changed],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize("shared", [False, True], ids=["in one process", "through Redis"])
async def test_the_same_operation_under_two_credentials_gets_each_its_own(
    attempt: Callable[[Stage], Coroutine[Any, Any, None]], shared: bool, redis_url: str, redis_prefix: str
) -> None:
    clock = Clock()
    if not shared:
        await attempt(Stage(new_cache(clock), clock))
        return
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        await attempt(Stage(one, clock))
        await attempt(Stage(other, clock))


async def test_one_identitys_change_forgets_nothing_of_anothers() -> None:
    clock = Clock()
    stage = Stage(new_cache(clock), clock)
    await stage.check()
    before = len(stage.notes.fetched)

    await stage.cache.forget("ann", NOTE, ["1"])
    await Operation(stage.cache, Owner("bob", stage.notes)).load("1")

    assert len(stage.notes.fetched) == before


async def test_no_identity_can_be_named_so_that_its_keys_reach_anothers() -> None:
    ids = ("1", "note/1", "/1", "../ann/note/1", "")
    kinds = ("note", "list")

    keys = [key_prefix(identity, kind) + one for identity in AWKWARD for kind in kinds for one in ids]
    tags = [list_tag(identity, "notes") for identity in AWKWARD]

    assert len(set(keys + tags)) == len(AWKWARD) * (len(kinds) * len(ids) + 1)
