"""Calls that failed for a moment are sent again, and no others; within the deadline, and the time of each try."""

import asyncio

import pytest

from resolvers.errors import UpstreamBadAnswer, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.retry import Deadline, Retry, RetryConfig, TryTimeout
from resolvers.upstreams.transport.stack import StackConfig, loop_clock
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


def retry_over(upstream: LittleUpstream, *, random: float = 0.5, config: RetryConfig | None = None) -> Retry:
    return Retry(upstream, config or RetryConfig(), clock=loop_clock, sleep=asyncio.sleep, random=lambda: random)


@pytest.mark.parametrize("code", [429, 502, 503, 504])
@in_virtual_time
async def test_a_passing_failure_is_tried_again(code: int) -> None:
    upstream = scripted([status(code), OK])

    answer = await retry_over(upstream).send(a_call())

    assert answer is OK
    assert len(upstream.sent) == 2


@pytest.mark.parametrize("code", [200, 201, 400, 401, 403, 404, 409, 422, 500])
@in_virtual_time
async def test_any_other_answer_is_final(code: int) -> None:
    upstream = scripted([status(code)])

    answer = await retry_over(upstream).send(a_call())

    assert answer.status == code


@in_virtual_time
async def test_a_broken_connection_is_tried_again() -> None:
    upstream = scripted([broken, OK])

    assert await retry_over(upstream).send(a_call()) is OK


@in_virtual_time
async def test_three_tries_are_the_most_and_the_last_failure_is_reported() -> None:
    upstream = scripted([broken, broken, broken])

    with pytest.raises(UpstreamUnavailable):
        await retry_over(upstream).send(a_call())

    assert len(upstream.sent) == 3


@in_virtual_time
async def test_after_three_failing_answers_the_last_is_handed_on() -> None:
    upstream = scripted([status(503), status(502), status(504)])

    answer = await retry_over(upstream).send(a_call())

    assert answer.status == 504


@pytest.mark.parametrize("outcome", [status(503), status(429), broken])
@in_virtual_time
async def test_a_call_that_changes_something_is_sent_once(outcome: Answer) -> None:
    upstream = scripted([outcome])

    await asyncio.gather(retry_over(upstream).send(a_call(repeatable=False)), return_exceptions=True)

    assert len(upstream.sent) == 1


@pytest.mark.parametrize("kind", [UpstreamTimeout, UpstreamBadAnswer])
@in_virtual_time
async def test_a_slow_or_senseless_answer_is_not_asked_for_again(
    kind: type[UpstreamTimeout | UpstreamBadAnswer],
) -> None:
    upstream = LittleUpstream(lambda call: kind(call.upstream, "No."))

    with pytest.raises(kind):
        await retry_over(upstream).send(a_call())

    assert len(upstream.sent) == 1


@in_virtual_time
async def test_a_call_that_never_reached_the_wire_is_not_tried_again() -> None:
    class Refusing(LittleUpstream):
        async def send(self, call: Call) -> Answer:
            self.sent.append(now())
            raise broken(call)

    upstream = Refusing()

    with pytest.raises(UpstreamUnavailable):
        await retry_over(upstream).send(a_call())

    assert len(upstream.sent) == 1


@pytest.mark.parametrize(("share", "times"), [(0.0, [0, 0, 0]), (0.5, [0, 0.05, 0.15]), (1.0, [0, 0.1, 0.3])])
@in_virtual_time
async def test_pauses_double_and_are_jittered_from_nothing_to_all(share: float, times: list[float]) -> None:
    upstream = scripted([status(503), status(503), OK])

    await retry_over(upstream, random=share).send(a_call())

    assert [moment - START for moment in upstream.sent] == pytest.approx(times)


@in_virtual_time
async def test_pauses_have_a_bound() -> None:
    upstream = scripted([status(503)] * 9 + [OK])
    config = RetryConfig(max_tries=10, first_pause=1.0, max_pause=2.0)

    await retry_over(upstream, random=1.0, config=config).send(a_call(seconds=100))

    assert now() - START == pytest.approx(1 + 8 * 2)


@in_virtual_time
async def test_a_retry_after_that_fits_the_deadline_is_waited_for() -> None:
    upstream = scripted([status(503, {"retry-after": "4"}), OK])

    answer = await retry_over(upstream, random=0).send(a_call(seconds=5))

    assert answer is OK
    assert upstream.sent[1] - upstream.sent[0] == pytest.approx(4)


@in_virtual_time
async def test_a_retry_after_beyond_the_deadline_fails_now() -> None:
    upstream = scripted([status(503, {"retry-after": "6"})])

    answer = await retry_over(upstream, random=0).send(a_call(seconds=5))

    assert answer.status == 503
    assert now() == START


@in_virtual_time
async def test_no_try_starts_past_the_deadline() -> None:
    upstream = scripted([broken])

    with pytest.raises(UpstreamUnavailable):
        await retry_over(upstream, random=1.0).send(a_call(seconds=0.1))

    assert now() == START


@in_virtual_time
async def test_a_retry_after_that_is_longer_than_the_operation_can_wait_fails_now() -> None:
    upstream = scripted([status(503, {"retry-after": "6"})])
    call = a_call(seconds=30)
    call.turn_by = now() + 5

    answer = await retry_over(upstream, random=0).send(call)

    assert answer.status == 503
    assert now() == START


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
async def test_a_stack_gives_each_try_its_own_time() -> None:
    stack = stack_over(upstream := LittleUpstream(), StackConfig(timeout_seconds=2))
    call = a_call()

    await stack.transport.send(call)

    assert call.timeout == 2
    assert len(upstream.sent) == 1
