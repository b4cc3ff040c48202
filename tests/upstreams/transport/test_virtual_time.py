import asyncio
import time

import pytest

from tests.upstreams.transport.virtual_time import START, VirtualTimeLoop, in_virtual_time


@in_virtual_time
async def test_an_hour_of_sleep_passes_at_once() -> None:
    began = time.monotonic()

    await asyncio.sleep(3600)

    assert asyncio.get_running_loop().time() == pytest.approx(START + 3600)
    assert time.monotonic() - began < 5


@in_virtual_time
async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    await asyncio.gather(sleeper(30), sleeper(10), sleeper(20))

    assert woken == [10, 20, 30]


def test_a_wait_that_would_never_end_is_an_error() -> None:
    loop = VirtualTimeLoop()
    never: asyncio.Future[None] = loop.create_future()

    with pytest.raises(RuntimeError, match="never happen"):
        loop.run_until_complete(never)

    loop.close()
