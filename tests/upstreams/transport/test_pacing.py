"""Calls wait for their turn instead of being refused."""

import asyncio

import pytest

from resolvers.errors import UpstreamRateLimited
from resolvers.upstreams.answers import error_of
from resolvers.upstreams.call import Answer, Call, Headers
from resolvers.upstreams.error_body import ErrorBody
from resolvers.upstreams.transport.concurrency import ConcurrencyLimit
from resolvers.upstreams.transport.health import Condition, UpstreamHealth
from resolvers.upstreams.transport.pacing import GateParts, Pacing
from resolvers.upstreams.transport.rate_state import PacingConfig, RateStatus
from resolvers.upstreams.transport.shared_rate import LocalRate, RateChange
from resolvers.upstreams.transport.stack import StackConfig, loop_clock
from tests.upstreams.transport.little_upstreams import (
    OK,
    LimitedUpstream,
    LittleUpstream,
    a_call,
    now,
    scripted,
    stack_over,
    status,
)
from tests.upstreams.transport.virtual_time import START, in_virtual_time


class Scene:
    """Pacing over an upstream; lives one test."""

    def __init__(self, upstream: LittleUpstream, config: PacingConfig | None = None, *, concurrency: int = 50) -> None:
        self.upstream = upstream
        self.health = UpstreamHealth(loop_clock)
        self.rate = CountingRate()
        limit = ConcurrencyLimit(upstream, concurrency, loop_clock)
        parts = GateParts(self.rate, config or PacingConfig(), self.health, loop_clock, asyncio.sleep)
        self.pacing = Pacing(limit, "SMS", parts)
        self.order: list[str] = []
        """The calls that `send` has sent, in the order in which they came through."""

    async def send(self, name: str, seconds: float) -> None:
        await self.pacing.send(a_call(seconds=seconds))
        self.order.append(name)

    @property
    def sent(self) -> list[float]:
        return [moment - START for moment in self.upstream.sent]


class CountingRate(LocalRate):
    """Counts how often it is asked; lives one test."""

    def __init__(self) -> None:
        super().__init__(loop_clock)
        self.asked = 0

    async def change(self, key: str, change: RateChange) -> RateStatus:
        self.asked += 1
        return await super().change(key, change)


ONE_A_SECOND = PacingConfig(rate_per_second=1)


@in_virtual_time
async def test_without_a_rate_nothing_is_asked_and_nothing_waits() -> None:
    scene = Scene(LittleUpstream())

    await asyncio.gather(*(scene.pacing.send(a_call()) for _ in range(200)))

    assert scene.rate.asked == 0
    assert now() == START


@in_virtual_time
async def test_a_set_rate_spreads_calls() -> None:
    scene = Scene(LittleUpstream(), ONE_A_SECOND)

    await asyncio.gather(*(scene.pacing.send(a_call()) for _ in range(4)))

    assert scene.sent == pytest.approx([0, 1, 2, 3])


@in_virtual_time
async def test_the_oldest_deadline_goes_first() -> None:
    scene = Scene(LittleUpstream(), ONE_A_SECOND)

    await asyncio.gather(
        scene.send("first", 20),
        scene.send("late", 15),
        scene.send("soon", 5),
        scene.send("middle", 10),
        scene.send("also late", 15),
    )

    assert scene.order == ["first", "soon", "middle", "late", "also late"]


@in_virtual_time
async def test_a_call_in_a_hurry_passes_one_that_is_waiting_already() -> None:
    scene = Scene(LittleUpstream(), ONE_A_SECOND)

    async with asyncio.TaskGroup() as group:
        group.create_task(scene.send("first", 20))
        group.create_task(scene.send("patient", 20))
        await asyncio.sleep(0.5)
        group.create_task(scene.send("hurried", 3))

    assert scene.order == ["first", "hurried", "patient"]


@in_virtual_time
async def test_a_call_that_cannot_have_its_turn_in_time_fails_at_once() -> None:
    scene = Scene(LittleUpstream(), ONE_A_SECOND)
    refused_at: list[float] = []

    async def send() -> None:
        try:
            await scene.pacing.send(a_call(seconds=4.5))
        except UpstreamRateLimited:
            refused_at.append(now() - START)

    await asyncio.gather(*(send() for _ in range(8)))

    assert scene.sent == pytest.approx([0, 1, 2, 3, 4])
    assert refused_at == [0, 0, 0]


@in_virtual_time
async def test_one_who_gives_up_makes_room_for_the_next() -> None:
    scene = Scene(LittleUpstream(), ONE_A_SECOND)
    tasks = [asyncio.create_task(scene.pacing.send(a_call())) for _ in range(4)]
    await asyncio.sleep(0.5)

    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert scene.sent == pytest.approx([0, 1, 2], abs=0.51)
    assert len(scene.sent) == 3


@in_virtual_time
async def test_each_identity_has_a_gate_of_its_own() -> None:
    scene = Scene(LittleUpstream(), ONE_A_SECOND)

    await asyncio.gather(*(scene.pacing.send(a_call(identity=name)) for name in ("a", "b", "c")))

    assert scene.sent == [0, 0, 0]


@pytest.mark.parametrize(("headers", "pause"), [({}, 10), ({"retry-after": "3"}, 3)])
@in_virtual_time
async def test_a_429_closes_the_gate_for_as_long_as_it_says_or_else_for_the_window(
    headers: Headers, pause: float
) -> None:
    scene = Scene(scripted([status(429, headers), OK]))

    refused = await scene.pacing.send(a_call())
    condition, retry_after = scene.health.condition("own"), scene.health.retry_after("own")
    await scene.pacing.send(a_call())

    assert refused.status == 429
    assert condition is Condition.DEGRADED
    assert retry_after == pytest.approx(pause)
    assert scene.sent == pytest.approx([0, pause], abs=0.25)


@in_virtual_time
async def test_a_closed_gate_refuses_at_once_what_cannot_wait_for_it() -> None:
    scene = Scene(scripted([status(429)]))
    await scene.pacing.send(a_call())

    with pytest.raises(UpstreamRateLimited) as refused:
        await scene.pacing.send(a_call(seconds=9))

    assert refused.value.retry_after == pytest.approx(10, abs=0.25)
    assert not refused.value.outcome_unknown
    assert now() == START


@in_virtual_time
async def test_a_closed_gate_refuses_at_once_what_nobody_may_wait_for_so_long() -> None:
    scene = Scene(scripted([status(429)]))
    await scene.pacing.send(a_call())
    shared = a_call(seconds=30)
    shared.turn_by = now() + 9

    with pytest.raises(UpstreamRateLimited):
        await scene.pacing.send(shared)

    assert now() == START


@in_virtual_time
async def test_a_retry_after_has_a_ceiling() -> None:
    scene = Scene(scripted([status(429, {"retry-after": "86400"})]))

    await scene.pacing.send(a_call())

    assert scene.health.retry_after("own") == pytest.approx(600)


@in_virtual_time
async def test_a_refusal_says_when_the_gate_opens_and_not_what_the_upstream_asked_for() -> None:
    read, absurd = a_call(), a_call(identity="other")
    scene = Scene(scripted([status(429), status(429, {"retry-after": "86400"})]))

    refused = [(call, await scene.pacing.send(call)) for call in (read, absurd)]

    told = [error_of(call, answer, ErrorBody(retry_after=3)).retry_after for call, answer in refused]
    assert told == pytest.approx([scene.health.retry_after("own"), scene.health.retry_after("other")], abs=0.25)
    assert told == pytest.approx([10, 600], abs=0.25)


@in_virtual_time
async def test_those_who_wait_for_a_connection_when_the_gate_closes_wait_at_the_gate() -> None:
    upstream = scripted([status(429), OK, OK, OK])
    upstream.seconds = 0.1
    scene = Scene(upstream, concurrency=1)

    await asyncio.gather(*(scene.pacing.send(a_call(seconds=60)) for _ in range(4)))

    assert scene.sent[0] == 0
    assert scene.sent[1] >= 10


@in_virtual_time
async def test_what_is_left_of_a_limit_is_not_exceeded() -> None:
    left = iter(range(9, -1, -1))

    def behave(_: Call) -> Answer:
        return status(200, {"ratelimit-limit": "10", "ratelimit-remaining": str(next(left)), "ratelimit-reset": "30"})

    scene = Scene(LittleUpstream(behave, seconds=0.01))
    waiting = [asyncio.create_task(scene.pacing.send(a_call(seconds=20))) for _ in range(5)]
    await asyncio.sleep(1)

    await asyncio.gather(*waiting, *(scene.pacing.send(a_call(seconds=20)) for _ in range(5)))

    with pytest.raises(UpstreamRateLimited) as refused:
        await scene.pacing.send(a_call(seconds=20))
    assert len(scene.sent) == 10
    assert refused.value.retry_after == pytest.approx(29, abs=1.5)


@in_virtual_time
async def test_200_calls_against_100_in_10_seconds_all_pass_and_none_is_refused_once_the_limit_is_known() -> None:
    upstream = LimitedUpstream()
    stack = stack_over(upstream)

    answers = await asyncio.gather(*(stack.transport.send(a_call(seconds=60)) for _ in range(200)))

    learnt_at = upstream.refused_at[0]
    assert {answer.status for answer in answers} == {200}
    assert [moment for moment in upstream.refused_at if moment > learnt_at + upstream.seconds] == []
    assert now() - START < 40


@pytest.mark.parametrize("concurrency", [10, 50, 100])
@pytest.mark.parametrize(("seconds", "refusal_seconds"), [(0.05, 0.05), (0.3, 0.005)])
@pytest.mark.parametrize(
    "headers", [{"retry-after": "1"}, {"ratelimit-remaining": "0", "ratelimit-reset": "1"}, {"retry-after": "1, 1"}]
)
@in_virtual_time
async def test_60_calls_against_20_in_a_second_are_all_answered_in_time(
    headers: Headers, seconds: float, refusal_seconds: float, concurrency: int
) -> None:
    """The upstream's window is as short as the pause that it asks for, not the ten seconds assumed otherwise."""
    upstream = LimitedUpstream(20, 1, headers, seconds, refusal_seconds)
    stack = stack_over(upstream, StackConfig(concurrency=concurrency))

    answers = await asyncio.gather(*(stack.transport.send(a_call(seconds=15)) for _ in range(60)))

    assert {answer.status for answer in answers} == {200}
    assert now() - START < 10


@in_virtual_time
async def test_a_short_pause_does_not_hide_a_window_that_is_longer() -> None:
    upstream = LimitedUpstream(100, 10, {"retry-after": "1"})
    stack = stack_over(upstream)

    answers = await asyncio.gather(*(stack.transport.send(a_call(seconds=60)) for _ in range(200)))

    assert {answer.status for answer in answers} == {200}
    assert len(upstream.refused_at) < 70


@in_virtual_time
async def test_under_steady_overload_the_limit_is_hardly_ever_exceeded_again() -> None:
    upstream = LimitedUpstream()
    stack = stack_over(upstream)
    done: list[float] = []

    async def send() -> None:
        answer = await stack.transport.send(a_call(seconds=15))
        if answer.status == 200:
            done.append(now())

    tasks = []
    for _ in range(290 * 12):
        tasks.append(asyncio.create_task(send()))
        await asyncio.sleep(1 / 12)
    await asyncio.gather(*tasks, return_exceptions=True)

    first = upstream.refused_at[0]
    assert [moment for moment in upstream.refused_at if moment > first + 1] == []
    assert len(done) > 0.8 * 10 * 290


@in_virtual_time
async def test_one_upstream_that_is_paced_does_not_hold_up_another() -> None:
    limited, other = stack_over(LimitedUpstream()), stack_over(LittleUpstream(seconds=0.05))
    waiting = asyncio.gather(*(limited.transport.send(a_call(seconds=60)) for _ in range(200)))
    await asyncio.sleep(2)

    began = now()
    await asyncio.gather(*(other.transport.send(a_call()) for _ in range(50)))

    assert now() - began == pytest.approx(0.05)
    await waiting


@in_virtual_time
async def test_gates_that_hold_nothing_back_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.upstreams.transport.pacing.MAX_GATES", 3)
    scene = Scene(LittleUpstream())

    for number in range(10):
        await scene.pacing.send(a_call(identity=f"caller {number}"))

    assert len(scene.pacing._gates) == 3


@in_virtual_time
async def test_gates_of_a_set_rate_make_room_too_and_the_rate_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.upstreams.transport.pacing.MAX_GATES", 3)
    scene = Scene(LittleUpstream(), ONE_A_SECOND)

    for number in range(10):
        await scene.pacing.send(a_call(identity=f"caller {number}"))
    await scene.pacing.send(a_call(identity="caller 0"))

    assert len(scene.pacing._gates) == 3
    assert scene.sent == pytest.approx([0] * 10 + [1])


@in_virtual_time
async def test_what_a_429_taught_outlives_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.upstreams.transport.pacing.MAX_GATES", 3)
    scene = Scene(scripted([*[status(429, {"retry-after": "30"})] * 4, OK]))
    for number in range(4):
        await scene.pacing.send(a_call(identity=f"caller {number}"))
    scene.upstream.sent.clear()

    await scene.pacing.send(a_call(identity="caller 0", seconds=60))

    assert len(scene.pacing._gates) == 3
    assert scene.sent == pytest.approx([30], abs=0.25)


@in_virtual_time
async def test_a_gate_with_calls_on_their_way_makes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.upstreams.transport.pacing.MAX_GATES", 3)
    scene = Scene(LittleUpstream(seconds=1), ONE_A_SECOND)

    await asyncio.gather(*(scene.pacing.send(a_call(identity=f"caller {number}")) for number in range(10)))
    await scene.pacing.send(a_call(identity="one more"))

    assert scene.sent[:10] == [0] * 10
