import math

import pytest

from resolvers.cache.kind import Freshness
from resolvers.cache.records import JITTER, CacheConfig
from tests.cache.notes import Clock, Notes, Operation, Owner, new_cache

LONGEST, SHORTEST = 1.0, 1.0 - JITTER


async def fetches_after(seconds: float, *, final: bool = False, there: bool = True) -> int:
    notes, clock = Notes(), Clock()
    if there:
        notes.write("ann", "1", "text", final=final)
    cache, ann = new_cache(clock, grace=0), Owner("ann", notes)
    await Operation(cache, ann).load("1")

    clock.advance(seconds)
    await Operation(cache, ann).load("1")

    return len(notes.fetched)


@pytest.mark.parametrize(("final", "there", "ttl"), [(False, True, 5), (True, True, 86_400), (False, False, 5)])
async def test_a_record_is_kept_for_the_ttl_of_its_state_give_or_take_the_jitter(
    final: bool, there: bool, ttl: float
) -> None:
    before = await fetches_after(ttl * SHORTEST - 0.01, final=final, there=there)
    after = await fetches_after(ttl * LONGEST, final=final, there=there)

    assert (before, after) == (1, 2)


async def test_records_fetched_together_do_not_expire_together() -> None:
    notes, clock = Notes(), Clock()
    for number in range(200):
        notes.write("ann", str(number), "text")
    cache, operation = new_cache(clock), Operation(new_cache(clock), Owner("ann", notes))
    operation = Operation(cache, Owner("ann", notes))
    for number in range(200):
        await operation.load(str(number))

    ends = [
        entry.fresh_until - clock.now for number in range(200) if (entry := cache.memory.peek(f"ann/note/{number}"))
    ]

    assert len(set(ends)) == 200
    assert 5 * SHORTEST <= min(ends) < 4.7
    assert 4.8 < max(ends) <= 5


async def test_an_operation_knows_until_when_all_that_it_read_is_fresh() -> None:
    notes, clock = Notes(), Clock()
    notes.write("ann", "final", "text", final=True)
    notes.write("ann", "active", "text")
    cache, ann = new_cache(clock), Owner("ann", notes)
    empty, long, both = Operation(cache, ann), Operation(cache, ann), Operation(cache, ann)

    await long.load("final")
    await both.load("final")
    await both.load("active")

    assert empty.reading.fresh_until == math.inf
    assert long.reading.fresh_until > clock.now + 86_400 * SHORTEST - 1
    assert clock.now < both.reading.fresh_until <= clock.now + 5
    assert both.reading.touched == {"ann/note/final", "ann/note/active"}


async def test_what_is_not_kept_is_not_fresh_for_an_operation_to_be_kept_either() -> None:
    notes, clock = Notes(), Clock()
    notes.write("ann", "1", "text")
    operation = Operation(new_cache(clock, keep=False), Owner("ann", notes))

    await operation.load("1")

    assert operation.reading.fresh_until <= clock.now


def test_each_lifetime_has_terms_and_only_prices_and_absences_are_never_stale() -> None:
    terms = CacheConfig(grace=300).policies()

    assert terms.keys() == set(Freshness)
    assert {one for one in Freshness if terms[one].grace == 0} == {Freshness.QUOTE, Freshness.MISSING}
    assert {one for one in Freshness if terms[one].revalidate == 0} == {
        Freshness.QUOTE,
        Freshness.MISSING,
        Freshness.LIST,
    }
