"""What one gets reaches all who wait for it meanwhile, and only them."""

import asyncio

import pytest

from gateway.operations.responses.response_cache import SharedResult
from resolvers.errors import BadInput


@pytest.fixture
def flight() -> SharedResult[str]:
    return SharedResult()


async def test_all_who_wait_get_the_value(flight: SharedResult[str]) -> None:
    waiting = [flight.join(), flight.join()]

    flight.set("value")

    assert await asyncio.gather(*waiting) == ["value", "value"]


async def test_all_who_wait_meet_the_failure(flight: SharedResult[str]) -> None:
    waiting = [flight.join(), flight.join()]
    failure = BadInput("It failed.")

    flight.fail(failure)

    assert await asyncio.gather(*waiting, return_exceptions=True) == [failure, failure]


async def test_who_waits_learns_that_nobody_gets_it_any_more(flight: SharedResult[str]) -> None:
    waiting = flight.join()

    flight.set(None)

    assert await waiting is None


@pytest.mark.parametrize("fails", [False, True])
async def test_who_stops_waiting_takes_nothing_from_the_others(flight: SharedResult[str], fails: bool) -> None:
    gone, waiting = flight.join(), flight.join()
    gone.cancel()

    if fails:
        flight.fail(BadInput("It failed."))
    else:
        flight.set("value")

    (found,) = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(found, BadInput) if fails else found == "value"
    assert gone.cancelled()
