"""All policies together: their order, and what an upstream's trouble costs."""

import asyncio
from random import Random

import pytest

from resolvers.errors import UpstreamError, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.health import Condition
from resolvers.upstreams.transport.stack import StackConfig, StackSurroundings, build_stack
from tests.upstreams.transport.little_upstreams import OK, LittleUpstream, a_call, broken, now, stack_over, status
from tests.upstreams.transport.virtual_time import in_virtual_time

ORDER = ["Tracing", "Deadline", "Retry", "CircuitBreaker", "Pacing", "ConcurrencyLimit", "TryTimeout", "LittleUpstream"]


@in_virtual_time
async def test_the_policies_stand_in_their_order_from_the_outside_in() -> None:
    transport: object = build_stack(LittleUpstream(), "SMS", StackConfig(), StackSurroundings()).transport
    names = [type(transport).__name__]

    while hasattr(transport, "_inner"):
        transport = transport._inner
        names.append(type(transport).__name__)

    assert names == ORDER


@in_virtual_time
async def test_a_good_call_takes_no_time_and_reaches_the_wire_once() -> None:
    upstream = LittleUpstream()
    call = a_call()
    began = now()

    answer = await stack_over(upstream).transport.send(call)

    assert answer is OK
    assert (call.tries, call.timeout, now()) == (1, 5.0, began)


@in_virtual_time
async def test_in_5_minutes_of_outage_a_probe_a_second_goes_out_and_2_seconds_after_it_all_is_well() -> None:
    back_at = now() + 300
    upstream = LittleUpstream(lambda call: broken(call) if now() < back_at else OK)
    stack = stack_over(upstream)
    answered: list[float] = []
    slowest = 0.0

    async def operation() -> None:
        nonlocal slowest
        began = now()
        try:
            await stack.transport.send(a_call())
        except UpstreamUnavailable:
            slowest = max(slowest, now() - began)
        else:
            answered.append(now())

    async with asyncio.TaskGroup() as group:
        for _ in range(100 * 310):
            group.create_task(operation())
            await asyncio.sleep(0.01)

    settled = [moment for moment in upstream.sent if back_at - 299 < moment < back_at]
    assert len(settled) <= 300
    assert answered[0] - back_at < 2
    assert len([moment for moment in answered if moment > back_at + 2]) >= 100 * 7
    assert slowest < 1
    assert stack.health.condition("own") is Condition.HEALTHY


@in_virtual_time
async def test_with_a_third_of_all_tries_failing_and_spikes_of_2_seconds_most_reads_are_answered_in_5() -> None:
    random = Random(11)  # noqa: S311 - decides faults, guards nothing

    class Troubled(LittleUpstream):
        async def send(self, call: Call) -> Answer:
            self.seconds = 2.0 if random.random() < 0.1 else 0.05
            return await super().send(call)

    stack = stack_over(Troubled(lambda _: status(503) if random.random() < 0.3 else OK))

    async def read() -> bool:
        try:
            answer = await stack.transport.send(a_call(seconds=5))
        except UpstreamError:
            return False
        return answer is OK

    tasks = []
    for _ in range(5000):
        tasks.append(asyncio.create_task(read()))
        await asyncio.sleep(0.05)
    answered = await asyncio.gather(*tasks)

    assert sum(answered) / len(answered) == pytest.approx(1 - 0.3**3, abs=0.01)


@in_virtual_time
async def test_a_slow_upstream_does_not_slow_another() -> None:
    class Hanging(LittleUpstream):
        async def send(self, call: Call) -> Answer:
            call.tries += 1
            await asyncio.sleep(call.timeout)
            raise broken(call)

    slow, quick = stack_over(Hanging()), stack_over(LittleUpstream(seconds=0.02))
    waiting = [asyncio.ensure_future(slow.transport.send(a_call())) for _ in range(500)]
    took = []

    for _ in range(100):
        began = now()
        await quick.transport.send(a_call())
        took.append(now() - began)

    assert max(took) == pytest.approx(0.02)
    await asyncio.gather(*waiting, return_exceptions=True)


@in_virtual_time
async def test_a_call_cancelled_anywhere_leaves_no_place_taken() -> None:
    stack = stack_over(LittleUpstream(seconds=1), StackConfig(concurrency=2))
    tasks = [asyncio.ensure_future(stack.transport.send(a_call())) for _ in range(10)]
    await asyncio.sleep(0.5)

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    began = now()
    await asyncio.gather(*(stack.transport.send(a_call()) for _ in range(2)))
    assert now() - began == pytest.approx(1)
