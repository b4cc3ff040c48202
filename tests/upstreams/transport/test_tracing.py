"""Each call of a traced operation is recorded, and an observer gets the outcome of every call."""

import asyncio

import pytest

from resolvers.errors import UpstreamUnavailable
from resolvers.upstreams.call import Call, CallTrace
from resolvers.upstreams.transport.stack import loop_clock
from resolvers.upstreams.transport.tracing import Tracing
from tests.upstreams.transport.little_upstreams import OK, a_call, broken, scripted, stack_over, status
from tests.upstreams.transport.virtual_time import in_virtual_time


class Observer:
    """Keeps what it is told; lives one test."""

    def __init__(self) -> None:
        self.observed: list[tuple[str, int | str, float]] = []

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        self.observed.append((call.operation, outcome, seconds))


@in_virtual_time
async def test_an_observer_receives_how_each_call_ended_and_how_long_it_took() -> None:
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
