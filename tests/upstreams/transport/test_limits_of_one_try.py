"""Deadlines, the time of one try, the limit on calls at once, and notes on each call."""

import asyncio

import pytest

from resolvers.errors import UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call, CallTrace
from resolvers.upstreams.transport.concurrency import ConcurrencyLimit, TurnedBack
from resolvers.upstreams.transport.retry import Deadline, TryTimeout
from resolvers.upstreams.transport.stack import StackConfig, loop_clock
from resolvers.upstreams.transport.tracing import Tracing
from tests.upstreams.transport.little_upstreams import (
    OK,
    LittleUpstream,
    a_call,
    broken,
    now,
    scripted,
    stack_over,
    status,
)
from tests.upstreams.transport.virtual_time import START, in_virtual_time


@in_virtual_time
async def test_past_its_deadline_nothing_is_sent() -> None:
    upstream = LittleUpstream()

    with pytest.raises(UpstreamTimeout, match="time was up"):
        await Deadline(upstream, loop_clock).send(a_call(seconds=0))

    assert upstream.sent == []


@pytest.mark.parametrize(("left", "given"), [(15, 5), (3, 3), (0, 0.001), (-1, 0.001)])
@in_virtual_time
async def test_a_try_has_the_smaller_of_its_own_time_and_the_operations(left: float, given: float) -> None:
    call = a_call(seconds=left)

    await TryTimeout(LittleUpstream(), 5, loop_clock).send(call)

    assert call.timeout == pytest.approx(given)


@in_virtual_time
async def test_no_more_calls_run_at_once_than_allowed_and_the_rest_follow_in_order() -> None:
    upstream = LittleUpstream(seconds=1)
    limit = ConcurrencyLimit(upstream, 2, loop_clock)

    await asyncio.gather(*(limit.send(a_call()) for _ in range(5)))

    assert [moment - START for moment in upstream.sent] == pytest.approx([0, 0, 1, 1, 2])


@in_virtual_time
async def test_who_finds_no_place_before_the_deadline_times_out_unsent() -> None:
    limit = ConcurrencyLimit(LittleUpstream(seconds=10), 1, loop_clock)
    first = asyncio.ensure_future(limit.send(a_call()))
    await asyncio.sleep(0)
    call = a_call(seconds=3)

    with pytest.raises(UpstreamTimeout, match="no free connection"):
        await limit.send(call)

    assert now() - START == pytest.approx(3)
    assert call.tries == 0
    assert await first is OK


@in_virtual_time
async def test_a_failing_call_gives_its_place_back() -> None:
    limit = ConcurrencyLimit(scripted([broken, OK]), 1, loop_clock)

    with pytest.raises(UpstreamUnavailable):
        await limit.send(a_call())

    assert await limit.send(a_call()) is OK


@in_virtual_time
async def test_one_who_is_cancelled_with_a_place_just_given_passes_it_on() -> None:
    tasks: list[asyncio.Task[Answer]] = []

    def cancel_the_second_soon(_: Call) -> Answer:
        """Soon is after the place was given."""
        asyncio.get_running_loop().call_soon(tasks[1].cancel)
        return OK

    upstream = scripted([cancel_the_second_soon, OK])
    limit = ConcurrencyLimit(upstream, 1, loop_clock)
    upstream.seconds = 1
    tasks += [asyncio.ensure_future(limit.send(a_call())) for _ in range(3)]

    await asyncio.wait(tasks)

    assert tasks[1].cancelled()
    assert tasks[2].result() is OK
    assert now() - START == pytest.approx(2)
    assert limit._free == 1


@in_virtual_time
async def test_those_who_wait_can_be_turned_back() -> None:
    limit = ConcurrencyLimit(LittleUpstream(seconds=1), 1, loop_clock)
    first, second = (asyncio.ensure_future(limit.send(a_call())) for _ in range(2))
    await asyncio.sleep(0)

    limit.turn_back()

    with pytest.raises(TurnedBack):
        await second
    assert await first is OK
    assert limit._free == 1


class Observer:
    """Keeps what it is told; lives one test."""

    def __init__(self) -> None:
        self.observed: list[tuple[str, int | str, float]] = []

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        self.observed.append((call.operation, outcome, seconds))


@in_virtual_time
async def test_an_observer_is_told_how_each_call_ended_and_how_long_it_took() -> None:
    observer = Observer()
    upstream = scripted([status(503), OK, status(404), *[broken] * 3, OK])
    stack = stack_over(upstream, observer=observer)
    for _ in range(3):
        await asyncio.gather(stack.transport.send(a_call()), return_exceptions=True)
    upstream.seconds = 9
    given_up = asyncio.ensure_future(stack.transport.send(a_call()))
    await asyncio.sleep(0.1)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)

    outcomes = [outcome for _, outcome, _ in observer.observed]
    seconds = [seconds for _, _, seconds in observer.observed]
    assert outcomes == [200, 404, "UPSTREAM_UNAVAILABLE", "CANCELLED"]
    assert seconds == pytest.approx([0.05, 0, 0.15, 0.1])


@in_virtual_time
async def test_a_traced_call_is_noted_with_its_tries_and_no_host() -> None:
    traces: list[CallTrace] = []
    call = a_call()
    call.traces = traces

    await stack_over(scripted([status(503), OK])).transport.send(call)

    (trace,) = traces
    assert (trace.method, trace.path, trace.status, trace.tries) == ("GET", "/things/1?page=2", 200, 2)
    assert trace.milliseconds == pytest.approx(50)


@in_virtual_time
async def test_a_failed_call_is_noted_without_a_status_and_a_secret_path_without_the_secret() -> None:
    traces: list[CallTrace] = []
    call = a_call(repeatable=False)
    call.traces, call.shown_path = traces, "/partners/***"

    with pytest.raises(UpstreamUnavailable):
        await Tracing(scripted([broken]), loop_clock).send(call)

    assert [(trace.path, trace.status) for trace in traces] == [("/partners/***", None)]


@in_virtual_time
async def test_a_stack_gives_each_try_its_own_time() -> None:
    stack = stack_over(upstream := LittleUpstream(), StackConfig(timeout_seconds=2))
    call = a_call()

    await stack.transport.send(call)

    assert call.timeout == 2
    assert len(upstream.sent) == 1
