import asyncio

from resolvers.cache.invalidations import Invalidations
from tests.cache.notes import NOTE, Clock, Notes, Operation, Owner, new_cache, turns


async def test_a_record_that_was_forgotten_is_fetched_anew() -> None:
    notes = Notes()
    notes.write("ann", "1", "old", final=True)
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    await Operation(cache, ann).load("1")
    notes.write("ann", "1", "new", final=True)

    await cache.forget("ann", NOTE, ["1"])

    note = await Operation(cache, ann).load("1")
    assert note
    assert note.text == "new"


async def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    notes = Notes(gate=asyncio.Event())
    notes.write("ann", "1", "old", final=True)
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    before = Operation(cache, ann).load("1")
    await turns()
    notes.write("ann", "1", "new", final=True)

    await cache.forget("ann", NOTE, ["1"])
    notes.open_gate()
    await before

    note = await Operation(cache, ann).load("1")
    assert note
    assert note.text == "new"


async def test_who_asks_after_a_change_does_not_join_a_call_from_before_it() -> None:
    notes = Notes(gate=asyncio.Event())
    notes.write("ann", "1", "old", final=True)
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    before = Operation(cache, ann).load("1")
    await turns()
    notes.write("ann", "1", "new", final=True)
    await cache.forget("ann", NOTE, ["1"])

    after = Operation(cache, ann).load("1")
    await turns()
    notes.open_gate()

    texts = [note.text for note in await asyncio.gather(before, after) if note]
    assert texts == ["old", "new"]


async def test_whoever_depends_on_a_record_hears_of_its_change_and_of_the_lists_that_it_may_stand_in() -> None:
    cache = new_cache(Clock())
    heard: list[frozenset[str] | None] = []
    end = cache.invalidations.subscribe(heard.append)

    await cache.forget("ann", NOTE, ["1"])
    end()
    await cache.forget("ann", NOTE, ["2"])

    assert heard == [frozenset({"ann/note/1", "ann/list/notes"})]


async def test_an_operation_is_current_until_something_that_it_read_is_forgotten() -> None:
    notes = Notes()
    notes.write("ann", "1", "text")
    cache, ann = new_cache(Clock()), Owner("ann", notes)
    operation = Operation(cache, ann)
    await operation.load("1")

    await cache.forget("ann", NOTE, ["2"])
    unrelated = cache.current(operation.reading)
    await cache.forget("ann", NOTE, ["1"])

    assert unrelated
    assert not cache.current(operation.reading)


def test_what_was_forgotten_too_long_ago_to_be_remembered_counts_as_forgotten() -> None:
    invalidations = Invalidations(remembered=2)
    mark = invalidations.mark

    for number in range(3):
        invalidations.note([f"key {number}"])

    assert invalidations.since(mark, ["never forgotten"])
    assert not invalidations.since(invalidations.mark, ["key 2"])


def test_once_everything_was_forgotten_nothing_from_before_is_kept() -> None:
    invalidations = Invalidations()
    mark = invalidations.mark

    invalidations.note_all()

    assert invalidations.since(mark, ["any"])
    assert not invalidations.since(invalidations.mark, ["any"])
