"""What a 429 teaches, second by second, and what headers say about a limit."""

import pytest

from resolvers.upstreams.call import Headers
from resolvers.upstreams.transport.rate_state import (
    Accepted,
    PacingConfig,
    RateState,
    Refusal,
    Remaining,
    allow,
    pause_of,
    peek,
    rate_of,
    refuse,
    remaining_of,
    take,
)
from tests.upstreams.transport.little_upstreams import status

FREE = PacingConfig()
TEN_A_SECOND = PacingConfig(rate_per_second=10)
DATE: Headers = {"date": "Wed, 01 May 2024 10:00:00 GMT"}


def refused_at(now: float, *, accepted: float | None = 100, config: PacingConfig = FREE) -> RateState:
    return refuse(RateState(), now, config, refusal(accepted=accepted))[0]


def refusal(*, pause: float = 10, accepted: float | None, refusals: int = 0) -> Refusal:
    return Refusal(pause, None if accepted is None else Accepted(accepted, 10), refusals)


def test_nothing_is_restricted_at_first() -> None:
    state, rate_status = take(RateState(), 5.0, FREE)

    assert not rate_status.restricted
    assert rate_status.wait == 0
    assert state == RateState()


def test_a_set_rate_is_kept_over_any_time() -> None:
    state, now, taken = RateState(), 0.0, 0

    while now < 100:
        state, rate_status = take(state, now, TEN_A_SECOND)
        taken += rate_status.wait == 0
        now += rate_status.wait

    assert taken == pytest.approx(1000, abs=2)


def test_a_burst_is_small() -> None:
    state, _ = take(RateState(), 1000.0, PacingConfig(rate_per_second=50))

    assert state.tokens == pytest.approx(9)


def test_a_429_closes_the_gate_and_halves_what_was_accepted() -> None:
    state = refused_at(50.0)

    _, rate_status = take(state, 53.0, FREE)
    assert rate_status.wait == pytest.approx(7)
    assert rate_status.closed_for == pytest.approx(7)
    assert rate_of(state, 60.0, FREE) == pytest.approx(5)


def test_calls_sent_before_the_rate_was_halved_do_not_halve_it_again() -> None:
    state = refused_at(50.0)

    again, _ = refuse(state, 50.2, FREE, refusal(accepted=60))

    assert rate_of(again, 60.2, FREE) == pytest.approx(5)
    assert again.closed_until == pytest.approx(60.2)


def test_a_later_429_halves_what_was_accepted_since() -> None:
    state = refused_at(50.0)

    again, _ = refuse(state, 80.0, FREE, refusal(accepted=60, refusals=state.refusals))

    assert rate_of(again, 90.0, FREE) == pytest.approx(3)


def test_the_rate_recovers_by_the_same_amount_each_second_to_just_below_the_limit() -> None:
    state = refused_at(50.0)

    rates = [rate_of(state, 60.0 + seconds, FREE) for seconds in (0, 6, 12, 24, 100, 300)]

    assert rates == pytest.approx([5, 6, 7, 9, 9, 9])


def test_a_limit_long_past_is_exceeded_step_by_step_and_forgotten() -> None:
    state = refused_at(50.0)

    rates = [rate_of(state, 360.0 + seconds, FREE) for seconds in (0, 6, 60)]
    _, rate_status = take(state, 360.0 + 67, FREE)

    assert rates == pytest.approx([9, 10, 19])
    assert not rate_status.restricted


def test_a_429_that_came_after_hardly_any_call_starts_from_a_guess_that_soon_fades() -> None:
    state = refused_at(50.0, accepted=1)

    assert rate_of(state, 60.0, FREE) == pytest.approx(5)
    assert rate_of(state, 60.0 + 91, FREE) is None


def test_a_rate_is_never_halved_to_nothing() -> None:
    state = RateState()

    for number in range(50):
        state, _ = refuse(state, 0.0, FREE, refusal(pause=0, accepted=0, refusals=number))

    assert rate_of(state, 0.0, FREE) == pytest.approx(0.1)


def test_a_set_rate_bounds_what_was_learnt_and_comes_back_after_it() -> None:
    config = PacingConfig(rate_per_second=6)
    state = refused_at(50.0, config=config)

    rates = [rate_of(state, 60.0 + seconds, config) for seconds in (0, 30, 1000)]

    assert rates == pytest.approx([5, 6, 6])


def test_a_503_that_says_when_to_come_back_closes_the_gate_and_teaches_no_rate() -> None:
    state = refused_at(50.0, accepted=None)

    assert take(state, 55.0, FREE)[1].wait == pytest.approx(5)
    assert not take(state, 60.0, FREE)[1].restricted


def test_a_503_halves_a_rate_that_is_set() -> None:
    state = refused_at(50.0, accepted=None, config=TEN_A_SECOND)

    assert rate_of(state, 60.0, TEN_A_SECOND) == pytest.approx(5)


def test_an_allowance_is_used_up_and_then_waited_for() -> None:
    state, _ = allow(RateState(), 0.0, FREE, allowance=2, seconds=30)
    waits = []

    for _ in range(3):
        state, rate_status = take(state, 10.0, FREE)
        waits.append(rate_status.wait)

    assert waits == pytest.approx([0, 0, 20])
    assert take(state, 30.0, FREE)[1].wait == 0
    assert not peek(state, 31.0, FREE)[1].restricted


def test_of_two_reports_on_one_window_the_smaller_counts() -> None:
    state, _ = allow(RateState(), 0.0, FREE, allowance=3, seconds=30)

    later, _ = allow(state, 1.0, FREE, allowance=7, seconds=29)
    next_window, _ = allow(state, 31.0, FREE, allowance=7, seconds=30)

    assert (later.allowance, next_window.allowance) == (3, 7)


@pytest.mark.parametrize(
    ("code", "headers", "pause"),
    [
        (429, {}, 10.0),
        (429, {"retry-after": "7"}, 7.0),
        (429, {"retry-after": "Wed, 01 May 2024 10:00:30 GMT", **DATE}, 30.0),
        (429, {"retry-after": "soon"}, 10.0),
        (429, {"retry-after": "2, 5"}, 5.0),
        (429, {"retry-after": "1714557630", **DATE}, 30.0),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "1714557625000", **DATE}, 25.0),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "25"}, 25.0),
        (429, {"ratelimit-remaining": "3", "ratelimit-reset": "25"}, 10.0),
        (503, {"retry-after": "7"}, 7.0),
        (503, {}, None),
        (202, {"retry-after": "7"}, None),
        (200, {}, None),
    ],
)
def test_a_pause_is_what_the_upstream_asks_for(code: int, headers: Headers, pause: float | None) -> None:
    assert pause_of(status(code, headers), default=10.0) == pause


@pytest.mark.parametrize(
    ("headers", "remaining"),
    [
        ({}, None),
        ({"ratelimit-remaining": "5", "ratelimit-reset": "12", "ratelimit-limit": "100, 100;w=60"}, (5, 12.0, 100)),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "12"}, (5, 12.0, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1714557630", **DATE}, (0, 30.0, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1714557630000", **DATE}, (0, 30.0, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1714557630000000000", **DATE}, (0, 30.0, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1500ms"}, (0, 1.5, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1714557590", **DATE}, None),
        ({"ratelimit-remaining": "5"}, None),
        ({"ratelimit-remaining": "many", "ratelimit-reset": "12"}, None),
        ({"ratelimit-remaining": "-1", "ratelimit-reset": "12"}, None),
        ({"ratelimit-remaining": "inf", "ratelimit-reset": "12"}, None),
        ({"ratelimit-remaining": "nan", "ratelimit-reset": "12"}, None),
    ],
)
def test_what_is_left_is_read_where_it_makes_sense(
    headers: Headers, remaining: tuple[int, float, int | None] | None
) -> None:
    expected = Remaining(*remaining) if remaining is not None else None

    assert remaining_of(status(200, headers)) == expected
