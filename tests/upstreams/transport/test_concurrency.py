"""No more calls run at once than allowed; others wait: sent in turn, timed out in time, cancelled without a trace."""

import asyncio
from collections.abc import Sequence

import pytest

from resolvers.errors import UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.concurrency import SWEEP_SECONDS, ConcurrencyLimit, Requeued
from resolvers.upstreams.transport.stack import loop_clock
from tests.upstreams.transport.little_upstreams import OK, LittleUpstream, a_call, broken, now, scripted
from tests.upstreams.transport.virtual_time import START, in_virtual_time


class Held:
    """Answers each call when the test says so, or refuses it at once; lives one test."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[Answer]] = []
        self.refuses = False

    def send(self, call: Call) -> "asyncio.Future[Answer]":
        if self.refuses:
            raise broken(call)
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]


async def sending(limit: ConcurrencyLimit, count: int) -> list["asyncio.Task[Answer]"]:
    """So many calls, all begun."""
    tasks = [asyncio.create_task(limit.send(a_call())) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


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

    limit.requeue()

    with pytest.raises(Requeued):
        await second
    assert await first is OK
    assert limit._free == 1


async def ends(limit: ConcurrencyLimit, deadlines: Sequence[float]) -> dict[float, float]:
    """When the waits of calls with these deadlines end in a timeout, by deadline, all in seconds from the start."""
    ended: dict[float, float] = {}

    async def wait_until(seconds: float) -> None:
        with pytest.raises(UpstreamTimeout):
            await limit.send(a_call(seconds=seconds))
        ended[seconds] = now() - START

    await asyncio.gather(*map(wait_until, deadlines))
    return ended


@in_virtual_time
async def test_each_of_those_who_wait_is_told_at_its_own_deadline() -> None:
    limit = ConcurrencyLimit(LittleUpstream(seconds=100), 1, loop_clock)
    (first,) = await sending(limit, 1)

    told = await ends(limit, [5, 3, 7, 3])

    assert told == pytest.approx({3: 3, 5: 5, 7: 7})
    first.cancel()


@in_virtual_time
async def test_of_many_whose_deadlines_are_close_nobody_is_told_early_or_much_late() -> None:
    limit = ConcurrencyLimit(LittleUpstream(seconds=100), 1, loop_clock)
    (first,) = await sending(limit, 1)

    told = await ends(limit, [3 + number / 1000 for number in range(200)])

    late = [moment - deadline for deadline, moment in told.items()]
    assert min(late) >= -1e-9
    assert max(late) <= SWEEP_SECONDS + 1e-9
    assert len(set(told.values())) <= 1 + 0.2 / SWEEP_SECONDS
    first.cancel()


@in_virtual_time
async def test_a_place_goes_past_those_whose_time_is_up_to_the_next() -> None:
    held = Held()
    limit = ConcurrencyLimit(held, 1, loop_clock)
    (first,) = await sending(limit, 1)
    hurried = asyncio.create_task(limit.send(a_call(seconds=1)))
    await asyncio.sleep(2)
    (patient,) = await sending(limit, 1)

    held.answers[0].set_result(OK)
    await first
    held.answers[1].set_result(OK)

    assert await patient is OK
    assert isinstance(hurried.exception(), UpstreamTimeout)
    assert limit._free == 1


@in_virtual_time
async def test_one_who_gave_up_waiting_is_never_sent() -> None:
    held = Held()
    limit = ConcurrencyLimit(held, 1, loop_clock)
    first, second = await sending(limit, 2)
    second.cancel()
    await asyncio.wait([second])

    held.answers[0].set_result(OK)
    await first

    assert len(held.answers) == 1
    assert limit._free == 1


@in_virtual_time
async def test_those_who_have_just_given_up_do_not_hinder_the_others_from_being_turned_back() -> None:
    limit = ConcurrencyLimit(Held(), 1, loop_clock)
    first, second, third = await sending(limit, 3)

    second.cancel()
    limit.requeue()

    with pytest.raises(Requeued):
        await third
    assert second.cancelled()
    first.cancel()


@in_virtual_time
async def test_one_whose_turn_has_come_and_who_gives_up_gives_up_what_was_sent() -> None:
    held = Held()
    limit = ConcurrencyLimit(held, 1, loop_clock)
    first, second, third = await sending(limit, 3)
    held.answers[0].set_result(OK)
    await first

    second.cancel()
    await asyncio.wait([second])

    assert held.answers[1].cancelled()
    held.answers[2].set_result(OK)
    assert await third is OK
    assert limit._free == 1


@in_virtual_time
async def test_what_cannot_be_sent_in_its_turn_fails_alone_and_the_next_has_its_place() -> None:
    held = Held()
    limit = ConcurrencyLimit(held, 1, loop_clock)
    first, second = await sending(limit, 2)
    held.refuses = True

    held.answers[0].set_result(OK)

    assert await first is OK
    with pytest.raises(UpstreamUnavailable):
        await second
    assert limit._free == 1


@in_virtual_time
async def test_a_failure_of_what_waited_is_its_own() -> None:
    held = Held()
    limit = ConcurrencyLimit(held, 1, loop_clock)
    first, second = await sending(limit, 2)
    held.answers[0].set_result(OK)
    await first

    held.answers[1].set_exception(broken(a_call()))

    with pytest.raises(UpstreamUnavailable):
        await second
    assert limit._free == 1
