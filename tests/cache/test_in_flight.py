import asyncio

import pytest

from resolvers.cache.reads import ABANDONED_SECONDS
from resolvers.errors import UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.names import UpstreamName
from tests.cache.notes import BATCHED_NOTE, Clock, Notes, Operation, Owner, new_cache, turns


@pytest.fixture
def notes() -> Notes:
    notes = Notes(gate=asyncio.Event())
    notes.write("ann", "1", "first")
    return notes


async def test_two_hundred_operations_at_once_share_one_call(notes: Notes) -> None:
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    loads = [Operation(cache, ann).load("1") for _ in range(200)]

    notes.open_gate()
    found = await asyncio.gather(*loads)

    assert {note.text for note in found if note} == {"first"}
    assert notes.fetched == [("ann", "1")]


async def test_calls_are_shared_where_nothing_is_kept(notes: Notes) -> None:
    cache, ann = new_cache(Clock(), keep=False), Owner("ann", notes)
    loads = [Operation(cache, ann).load("1") for _ in range(5)]
    notes.open_gate()
    await asyncio.gather(*loads)

    await Operation(cache, ann).load("1")

    assert len(notes.fetched) == 2
    assert len(cache.memory) == 0


async def test_calls_are_not_shared_where_only_keeping_is_wanted(notes: Notes) -> None:
    cache, ann = new_cache(Clock(), coalesce=False), Owner("ann", notes)
    loads = [Operation(cache, ann).load("1") for _ in range(5)]
    notes.open_gate()
    await asyncio.gather(*loads)

    await Operation(cache, ann).load("1")

    assert len(notes.fetched) == 5


async def test_a_caller_that_gives_up_does_not_end_the_call_for_the_others(notes: Notes) -> None:
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    starter, other = Operation(cache, ann), Operation(cache, ann)
    starter.load("1")
    waiting = other.load("1")
    await turns()

    starter.reading.cancel()
    await turns()
    notes.open_gate()

    note = await waiting
    assert note
    assert note.text == "first"
    assert notes.cancelled == 0


async def test_the_call_ends_when_the_last_caller_gives_up(notes: Notes) -> None:
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    operations = [Operation(cache, ann) for _ in range(3)]
    for operation in operations:
        operation.load("1")
    await turns()

    for operation in operations:
        operation.reading.cancel()
    await asyncio.sleep(2 * ABANDONED_SECONDS)

    assert notes.cancelled == 1
    assert cache.in_flight_reads == {}


async def test_who_asks_right_after_all_gave_up_joins_their_call(notes: Notes) -> None:
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    first, second = Operation(cache, ann), Operation(cache, ann)
    first.load("1")
    await turns()
    first.reading.cancel()
    waiting = second.load("1")
    await asyncio.sleep(2 * ABANDONED_SECONDS)
    notes.open_gate()

    assert await waiting
    assert (len(notes.fetched), notes.cancelled) == (1, 0)


async def test_who_asks_after_all_gave_up_gets_a_call_of_their_own(notes: Notes) -> None:
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    first = Operation(cache, ann)
    first.load("1")
    await turns()
    first.reading.cancel()
    await asyncio.sleep(2 * ABANDONED_SECONDS)
    notes.open_gate()

    note = await Operation(cache, ann).load("1")

    assert note
    assert len(notes.fetched) == 2


async def test_an_impatient_caller_neither_waits_longer_nor_lets_others_wait_less(notes: Notes) -> None:
    loop = asyncio.get_running_loop()
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    impatient = Operation(cache, ann, deadline=loop.time() + 0.01)
    impatiently = impatient.load("1")
    patiently = Operation(cache, ann, deadline=loop.time() + 10).load("1")

    with pytest.raises(UpstreamTimeout):
        await impatiently
    notes.open_gate()

    assert await patiently
    assert len(notes.fetched) == 1
    assert notes.deadlines[0] > loop.time() + 10


async def test_a_shared_call_must_get_its_turn_while_whoever_began_it_still_waits(notes: Notes) -> None:
    deadline = asyncio.get_running_loop().time() + 5
    operation = Operation(new_cache(Clock()), Owner("ann", notes), deadline=deadline)

    operation.load("1")
    await turns()

    assert notes.turns_by == [deadline]
    assert notes.deadlines[0] > deadline
    operation.reading.cancel()


async def test_a_caller_with_more_time_than_the_call_has_left_starts_another(notes: Notes) -> None:
    loop = asyncio.get_running_loop()
    cache, ann = new_cache(Clock(), in_flight_seconds=1.0), Owner("ann", notes)
    first = Operation(cache, ann, deadline=loop.time() + 0.5).load("1")

    second = Operation(cache, ann, deadline=loop.time() + 100).load("1")
    await turns()
    notes.open_gate()

    assert await first == await second
    assert len(notes.fetched) == 2


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(notes: Notes) -> None:
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    notes.gate, notes.failure = None, UpstreamUnavailable(UpstreamName.DELIVERIES, "down")
    loads = [Operation(cache, ann).load("1") for _ in range(3)]

    outcomes = await asyncio.gather(*loads, return_exceptions=True)
    notes.failure = None
    note = await Operation(cache, ann).load("1")

    assert [type(outcome) for outcome in outcomes] == [UpstreamUnavailable] * 3
    assert note
    assert len(notes.fetched) == 2


async def test_only_ids_that_are_not_kept_go_into_a_batch() -> None:
    notes = Notes()
    for number in range(4):
        notes.write("ann", str(number), f"note {number}")
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    await Operation(cache, ann, kind=BATCHED_NOTE).load("1")
    operation = Operation(cache, ann, kind=BATCHED_NOTE)

    found = await asyncio.gather(*(operation.load(one) for one in ("0", "1", "2", "3", "missing")))

    assert [note and note.text for note in found] == ["note 0", "note 1", "note 2", "note 3", None]
    assert notes.fetched == [("ann", "1"), ("ann", "0,2,3,missing"), ("ann", "missing")]


async def test_a_batch_joins_the_calls_that_are_on_their_way() -> None:
    notes = Notes(gate=asyncio.Event())
    notes.write("ann", "1", "one")
    notes.write("ann", "2", "two")
    notes.write("ann", "3", "three")
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    single = Operation(cache, ann, kind=BATCHED_NOTE).load("1")
    await turns()
    operation = Operation(cache, ann, kind=BATCHED_NOTE)
    loads = [operation.load(one) for one in ("1", "2", "3")]
    await turns()
    notes.open_gate()

    found = await asyncio.gather(single, *loads)

    assert all(found)
    assert notes.fetched == [("ann", "1"), ("ann", "2,3")]
