import asyncio

import pytest

from resolvers.errors import InputRefused, UpstreamAuth, UpstreamError, UpstreamUnavailable
from resolvers.upstreams.names import UpstreamName
from tests.cache.notes import LISTED_NOTE, Clock, Notes, Operation, Owner, new_cache, turns

DOWN = UpstreamUnavailable(UpstreamName.DELIVERIES, "down")


class Warm:
    """One note that was read once and has changed since."""

    def __init__(self) -> None:
        self.clock, self.notes = Clock(), Notes()
        self.notes.write("ann", "1", "old")
        self.cache, self.ann = new_cache(self.clock, ttl_active=5, grace=60), Owner("ann", self.notes)

    async def up(self) -> "Warm":
        await Operation(self.cache, self.ann).load("1")
        self.notes.write("ann", "1", "new")
        return self


async def test_within_the_grace_an_old_record_is_served_at_once_and_fetched_once() -> None:
    warm = await Warm().up()
    warm.clock.advance(10)
    warm.notes.gate = asyncio.Event()
    operations = [Operation(warm.cache, warm.ann) for _ in range(50)]

    found = [await operation.load("1") for operation in operations]
    await turns()

    assert {note.text for note in found if note} == {"old"}
    assert list(operations[0].reading.stale.values()) == [10]
    assert len(warm.notes.fetched) == 2


async def test_the_refresh_goes_on_when_nobody_waits_and_its_record_is_served_next() -> None:
    warm = await Warm().up()
    warm.clock.advance(10)
    operation = Operation(warm.cache, warm.ann)
    await operation.load("1")
    operation.reading.cancel()
    await turns()

    after = Operation(warm.cache, warm.ann)
    note = await after.load("1")

    assert note
    assert note.text == "new"
    assert after.reading.stale == {}


async def test_past_the_grace_it_is_fetched_before_it_is_served() -> None:
    warm = await Warm().up()
    warm.clock.advance(66)

    note = await Operation(warm.cache, warm.ann).load("1")

    assert note
    assert note.text == "new"


async def test_it_is_served_while_its_upstream_is_down_and_not_beyond_the_grace() -> None:
    warm = await Warm().up()
    warm.notes.failure = DOWN
    for _ in range(6):
        warm.clock.advance(10)
        note = await Operation(warm.cache, warm.ann).load("1")
        await turns()
        assert note
        assert note.text == "old"

    warm.clock.advance(6)

    with pytest.raises(UpstreamUnavailable):
        await Operation(warm.cache, warm.ann).load("1")


async def test_an_operation_that_changes_something_never_gets_a_stale_record() -> None:
    warm = await Warm().up()
    warm.clock.advance(10)
    operation = Operation(warm.cache, warm.ann)
    operation.reading.permits_stale = False

    note = await operation.load("1")

    assert note
    assert note.text == "new"


async def test_nor_does_it_when_the_upstream_fails() -> None:
    warm = await Warm().up()
    warm.clock.advance(10)
    warm.notes.failure = DOWN
    operation = Operation(warm.cache, warm.ann)
    operation.reading.permits_stale = False

    with pytest.raises(UpstreamUnavailable):
        await operation.load("1")


async def test_in_one_call_that_fails_some_get_the_stale_record_and_who_changes_something_the_error() -> None:
    warm = await Warm().up()
    warm.clock.advance(10)
    warm.notes.gate, warm.notes.failure = asyncio.Event(), DOWN
    changing, reading = Operation(warm.cache, warm.ann), Operation(warm.cache, warm.ann)
    changing.reading.permits_stale = False
    refused = changing.load("1")
    served = reading.load("1")
    warm.notes.open_gate()

    note = await served
    assert note
    assert note.text == "old"
    with pytest.raises(UpstreamUnavailable):
        await refused
    assert len(warm.notes.fetched) == 2


async def test_a_page_of_a_list_is_served_stale_only_while_its_upstream_is_down() -> None:
    warm = await Warm().up()
    await Operation(warm.cache, warm.ann, kind=LISTED_NOTE).load("1")
    warm.notes.write("ann", "1", "newest")
    warm.clock.advance(10)
    warm.notes.failure = DOWN
    down = Operation(warm.cache, warm.ann, kind=LISTED_NOTE)

    while_down = await down.load("1")
    warm.notes.failure = None
    once_up = await Operation(warm.cache, warm.ann, kind=LISTED_NOTE).load("1")

    assert while_down
    assert while_down.text == "new"
    assert list(down.reading.stale.values()) == [10]
    assert once_up
    assert once_up.text == "newest"


@pytest.mark.parametrize(
    "failure",
    [UpstreamAuth(UpstreamName.DELIVERIES, "refused"), InputRefused(UpstreamName.DELIVERIES, "wrong")],
)
async def test_credentials_that_were_refused_and_plain_noes_get_no_stand_in(failure: UpstreamError) -> None:
    warm = await Warm().up()
    await Operation(warm.cache, warm.ann, kind=LISTED_NOTE).load("1")
    warm.clock.advance(10)
    warm.notes.failure = failure

    with pytest.raises(type(failure)):
        await Operation(warm.cache, warm.ann, kind=LISTED_NOTE).load("1")


async def test_what_was_not_there_is_never_said_from_a_stale_record() -> None:
    clock, notes = Clock(), Notes()
    cache, ann = new_cache(clock, ttl_missing=5, grace=60), Owner("ann", notes)
    assert await Operation(cache, ann).load("1") is None
    notes.write("ann", "1", "here now")
    clock.advance(6)

    note = await Operation(cache, ann).load("1")

    assert note
    assert note.text == "here now"
