"""A future that ends as another does, and takes it along when it is given up."""

import asyncio

import pytest

from resolvers.upstreams.transport.chain import chain, lead
from tests.upstreams.transport.virtual_time import in_virtual_time


def futures() -> "tuple[asyncio.Future[str], asyncio.Future[str]]":
    """One to lead, and one to follow."""
    loop = asyncio.get_running_loop()
    return loop.create_future(), loop.create_future()


@in_virtual_time
async def test_a_follower_has_its_leaders_result() -> None:
    leader, follower = futures()
    chain(leader, follower)

    leader.set_result("found")

    assert await follower == "found"


@in_virtual_time
async def test_a_follower_fails_as_its_leader_does() -> None:
    leader, follower = futures()
    chain(leader, follower)

    leader.set_exception(LookupError("lost"))

    with pytest.raises(LookupError, match="lost"):
        await follower


@in_virtual_time
async def test_a_follower_is_given_up_with_its_leader() -> None:
    leader, follower = futures()
    chain(leader, follower)

    leader.cancel()

    with pytest.raises(asyncio.CancelledError):
        await follower


@in_virtual_time
async def test_a_leader_is_given_up_with_its_follower_whatever_it_is() -> None:
    endless, follower = futures()
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        began.set()
        try:
            return await endless
        finally:
            ended.set()

    chain(work(), follower)
    await began.wait()

    follower.cancel()

    async with asyncio.timeout(1):
        await ended.wait()
    assert endless.cancelled()


@in_virtual_time
async def test_a_follower_that_was_given_up_hears_no_more_and_nobody_complains() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    leader, follower = futures()
    assert lead(leader, follower) is leader

    follower.cancel()
    leader.set_exception(LookupError("lost"))
    await asyncio.sleep(0)
    del leader

    assert complaints == []
