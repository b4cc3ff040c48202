"""An upstream that is down is left alone, but for a probe a second."""

import asyncio
from itertools import pairwise
from random import Random

import pytest

from resolvers.errors import UpstreamAuth, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.breaker import BreakerConfig, CircuitBreaker, FailureWindow
from resolvers.upstreams.transport.health import Condition, UpstreamHealth
from resolvers.upstreams.transport.stack import loop_clock
from resolvers.upstreams.transport.tracing import FailureLog
from tests.upstreams.transport.little_upstreams import OK, LittleUpstream, a_call, broken, now, status
from tests.upstreams.transport.virtual_time import in_virtual_time


class Scene:
    """A breaker over an upstream; lives one test."""

    def __init__(self, upstream: LittleUpstream, config: BreakerConfig | None = None) -> None:
        self.upstream = upstream
        self.health = UpstreamHealth(loop_clock)
        self.breaker = CircuitBreaker(
            upstream, config or BreakerConfig(), self.health, FailureLog("SMS", loop_clock), loop_clock
        )

    async def send(self, times: int = 1) -> list[Answer | UpstreamError]:
        return [await self._outcome(a_call()) for _ in range(times)]

    async def _outcome(self, call: Call) -> Answer | UpstreamError:
        try:
            return await self.breaker.send(call)
        except UpstreamError as error:
            return error

    @property
    def is_open(self) -> bool:
        return self.health.probe_at is not None


def down() -> Scene:
    return Scene(LittleUpstream(broken))


@in_virtual_time
async def test_it_opens_once_most_calls_fail() -> None:
    scene = down()

    await scene.send(9)
    before = scene.is_open
    await scene.send(1)

    assert not before
    assert scene.is_open


@in_virtual_time
async def test_open_it_refuses_at_once_and_says_until_when() -> None:
    scene = down()
    await scene.send(10)
    call = a_call(repeatable=False)

    with pytest.raises(UpstreamUnavailable, match="not asked") as refused:
        await scene.breaker.send(call)

    assert refused.value.retry_after == pytest.approx(1)
    assert not refused.value.outcome_unknown
    assert (call.tries, len(scene.upstream.sent)) == (0, 10)


@in_virtual_time
async def test_at_most_one_probe_a_second_goes_out_however_many_ask() -> None:
    scene = down()
    await scene.send(10)
    opened = now()

    for _ in range(300):
        await scene.send(10)
        await asyncio.sleep(0.1)

    probes = [moment for moment in scene.upstream.sent if moment > opened]
    assert len(probes) == pytest.approx(30, abs=1)
    assert min(later - earlier for earlier, later in pairwise(probes)) >= 1


@in_virtual_time
async def test_the_first_probe_that_is_answered_closes_it() -> None:
    scene = down()
    await scene.send(10)
    scene.upstream.behave = lambda _: OK

    await asyncio.sleep(1)
    answers = await scene.send(100)

    assert answers == [OK] * 100
    assert scene.health.condition("own") is Condition.HEALTHY


@in_virtual_time
async def test_a_hanging_probe_does_not_hold_up_the_next() -> None:
    scene = down()
    await scene.send(10)
    scene.upstream.seconds, scene.upstream.behave = 60.0, lambda _: OK
    await asyncio.sleep(1)
    hanging = asyncio.create_task(scene.breaker.send(a_call()))
    await asyncio.sleep(0)
    scene.upstream.seconds = 0

    await asyncio.sleep(1)
    answers = await scene.send(1)

    assert answers == [OK]
    assert not hanging.done()
    hanging.cancel()


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 422, 429])
@in_virtual_time
async def test_refusals_do_not_open_it(code: int) -> None:
    scene = Scene(LittleUpstream(lambda _: status(code)))

    await scene.send(100)

    assert not scene.is_open


@pytest.mark.parametrize("code", [500, 502, 503, 504])
@in_virtual_time
async def test_server_errors_open_it(code: int) -> None:
    scene = Scene(LittleUpstream(lambda _: status(code)))

    await scene.send(10)

    assert scene.is_open
    assert scene.health.condition("own") is Condition.UNAVAILABLE


@in_virtual_time
async def test_a_status_that_the_upstream_answers_in_good_health_is_spared() -> None:
    scene = Scene(LittleUpstream(lambda _: status(500)), BreakerConfig(spared_statuses=frozenset({500})))

    await scene.send(100)

    assert not scene.is_open


@in_virtual_time
async def test_refused_credentials_of_a_token_call_do_not_open_it() -> None:
    scene = Scene(LittleUpstream(lambda call: UpstreamAuth(call.upstream, "Refused.")))

    await scene.send(100)

    assert not scene.is_open


@in_virtual_time
async def test_timeouts_open_it_unless_the_try_had_hardly_any_time() -> None:
    def slow(call: Call) -> UpstreamTimeout:
        return UpstreamTimeout(call.upstream, "Slow.")

    fair, unfair = Scene(LittleUpstream(slow)), Scene(LittleUpstream(slow))

    await fair.send(10)
    for _ in range(10):
        call = a_call()
        call.timeout = 0.05
        await asyncio.gather(unfair.breaker.send(call), return_exceptions=True)

    assert fair.is_open
    assert not unfair.is_open


@in_virtual_time
async def test_a_call_that_a_policy_further_in_refused_says_nothing() -> None:
    class Refusing(LittleUpstream):
        async def send(self, call: Call) -> Answer:
            raise broken(call)

    scene = Scene(Refusing())

    await scene.send(100)

    assert not scene.is_open


@in_virtual_time
async def test_a_third_of_all_calls_failing_does_not_open_it() -> None:
    random = Random(7)  # noqa: S311 - decides faults, guards nothing
    scene = Scene(LittleUpstream(lambda call: broken(call) if random.random() < 0.3 else OK))

    outcomes = await scene.send(20_000)

    assert sum(outcome is OK for outcome in outcomes) == pytest.approx(14_000, rel=0.03)
    assert len(scene.upstream.sent) == 20_000


@in_virtual_time
async def test_old_failures_are_forgotten() -> None:
    scene = down()

    for _ in range(40):
        await scene.send(1)
        await asyncio.sleep(31)

    assert not scene.is_open


def test_a_window_holds_no_more_outcomes_than_its_size() -> None:
    window = FailureWindow(4, 30.0)
    for _ in range(4):
        window.add_failure(0.0)

    window.add_success()

    assert (window.outcomes, window.failure_rate) == (4, 0.75)
