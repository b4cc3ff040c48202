import asyncio

from resolvers.later import shielded, stop


async def test_a_task_that_swallows_a_cancellation_is_stopped_all_the_same() -> None:
    swallowed: list[int] = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(1)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await stop([task])

    assert task.cancelled()
    assert swallowed == [1]


async def test_work_goes_on_where_the_waiting_for_it_is_cancelled() -> None:
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        ended.set()

    waiting = asyncio.create_task(shielded(work()))
    await asyncio.sleep(0)
    await stop([waiting])
    may_end.set()
    async with asyncio.timeout(5):
        await ended.wait()

    assert waiting.cancelled()
