"""How fast an upstream may be called, and what a 429 teaches about that: pure functions over one frozen state.

Theory of operation
-------------------
A token bucket whose rate is learnt (additive increase, multiplicative decrease). A 429 closes the gate for as long as
the upstream says, and halves the rate. After that the rate grows by the same amount each second, up to just below what
the upstream was seen to accept and, `TRUST_SECONDS` later, beyond that, until the limit is forgotten::

    rate
      |                                                     ,' forgotten at twice `accepted`
      |  `accepted`  x                                    ,'
      |              |            ______________________,'
      |              |          ,'  `SAFE_SHARE` of that
      |    `halved`  |........,'
      +--------------|--------|-------------------------|------> time
                    429   `recovers_from`          `trusted_until`

The header fields of answers about limits (Retry-After, RateLimit-*, X-RateLimit-*) are read at the end of this module.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from resolvers.upstreams.answers import retry_after_seconds
from resolvers.upstreams.call import Answer, HeaderField
from resolvers.upstreams.delay import delay_seconds

BURST_SECONDS: Final = 0.2
"""How much of the rate may be saved up; little, because a burst on top of a full window would exceed its limit."""

SAFE_SHARE: Final = 0.9
"""How close the rate comes to what the upstream was seen to accept, as a share of that."""

RECOVERY_SECONDS: Final = 60.0
"""The time in which the rate would grow from zero to what was accepted."""

TRUST_SECONDS: Final = 300.0
"""How long what was accepted is taken for the limit."""

FORGOTTEN_AT: Final = 2.0
"""Times what was accepted: a rate that has grown so far is no limit any more."""

ENOUGH_ACCEPTED: Final = 10
"""In a window; fewer calls say nothing about the limit."""

GUESSED_LIMIT: Final = 10.0
"""Calls per second: the first limit where nothing is known."""

SLOWEST: Final = 0.1
"""Calls per second; the rate is not halved below this."""

# One token, less what floating-point arithmetic may lose.
_WHOLE: Final = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class PacingConfig:
    """How one upstream is paced.

    Args:
        rate_per_second: How many calls may be sent in a second; None until a 429 teaches it.
        window_seconds: The window in which the upstream counts, and how long the gate is closed after a 429 without
            Retry-After. The SMS API documents 10 s; the others document none.
        max_pause: The longest Retry-After that is obeyed, in seconds.
    """

    rate_per_second: float | None = None
    window_seconds: float = 10.0
    max_pause: float = 600.0


class RateState(msgspec.Struct, frozen=True, array_like=True):
    """What is known about one limit; a value. Times are seconds by the clock of its store.

    Args:
        tokens: Calls that may be sent at once, at the time `filled_at`.
        filled_at: The time of `tokens`.
        closed_until: No call is sent before this.
        refusals: How many 429s changed the rate. It distinguishes calls sent before one from those sent after.
        halved: The rate at `recovers_from`; None where none was learnt.
        accepted: What the upstream was seen to accept, per second.
        recovers_from: When the rate begins to grow.
        trusted_until: When it may grow beyond `accepted`.
        allowance: Calls that the upstream said are left until `allowance_until`; None where it did not.
        allowance_until: When `allowance` ends.
    """

    # A full bucket, however large the rate makes it.
    tokens: float = 1e9
    filled_at: float = 0.0
    closed_until: float = 0.0
    refusals: int = 0
    halved: float | None = None
    accepted: float = 0.0
    recovers_from: float = 0.0
    trusted_until: float = 0.0
    allowance: int | None = None
    allowance_until: float = 0.0


class RateStatus(msgspec.Struct, frozen=True):
    """The status of a limit; a value. In durations, because the clocks of a store and of a process differ.

    Args:
        wait: Seconds until the call should ask again; 0 where it may be sent.
        next_in: Seconds until the next call may be sent, as far as is known.
        per_second: The rate in force; None for no limit.
        closed_for: Seconds for which the gate is closed.
        refusals: As in the state.
        learnt: Whether a rate that was learnt is in force.
        restricted: Whether the next call has to ask.
    """

    wait: float
    next_in: float
    per_second: float | None
    closed_for: float
    refusals: int
    learnt: bool
    restricted: bool


Change = tuple[RateState, RateStatus]


def peek(state: RateState, now: float, config: PacingConfig) -> Change:
    """Return the status, and take no token."""
    return state, _rate_status(state, now, config, 0.0)


def take(state: RateState, now: float, config: PacingConfig) -> Change:
    """Take a token for one call, or return how long to wait for it."""
    closed_for = _closed_for(state, now)
    if closed_for > 0:
        return state, _rate_status(state, now, config, closed_for)
    rate = rate_of(state, now, config)
    if rate is not None:
        tokens = _tokens(state, now, rate)
        if tokens < _WHOLE:
            return state, _rate_status(state, now, config, _next_in(state, now, rate))
        state = msgspec.structs.replace(state, tokens=max(0.0, tokens - 1), filled_at=now)
    if state.allowance is not None:
        state = _with_one_less(state, state.allowance, now)
    return state, _rate_status(state, now, config, 0.0)


class Accepted(msgspec.Struct, frozen=True):
    """What an upstream accepted before it refused; a value.

    Args:
        calls: The number of calls.
        seconds: The time in which it accepted them.
    """

    calls: float
    seconds: float

    @property
    def is_significant(self) -> bool:
        """Whether there are enough of them to estimate the limit."""
        return self.calls >= ENOUGH_ACCEPTED


class Refusal(msgspec.Struct, frozen=True):
    """An answer that asks for fewer calls: 429, or 503 with Retry-After.

    Args:
        pause: Seconds for which the upstream wants no calls.
        accepted: What it accepted before; None where the refusal is not about the rate (503): then a rate in force is
            halved, and none is learnt.
        refusals: `RateStatus.refusals` when the call was sent.
    """

    pause: float
    accepted: Accepted | None
    refusals: int


def refuse(state: RateState, now: float, config: PacingConfig, refusal: Refusal) -> Change:
    """Close the gate, and halve the rate."""
    closed_until = max(state.closed_until, now + refusal.pause)
    # Once for all calls that were in flight together, because they were all sent at the same, refused rate.
    limit = None if refusal.refusals < state.refusals else _observed_limit(state, now, config, refusal)
    if limit is None:
        state = msgspec.structs.replace(state, closed_until=closed_until, recovers_from=closed_until)
        return state, _rate_status(state, now, config, 0.0)
    # An estimate from too few calls is not trusted: the rate may grow beyond it from the reopening on.
    trusted = TRUST_SECONDS if refusal.accepted is not None and refusal.accepted.is_significant else 0.0
    state = RateState(
        tokens=0.0,
        # Empty until the reopening, so that no burst follows it.
        filled_at=closed_until,
        closed_until=closed_until,
        refusals=state.refusals + 1,
        halved=max(SLOWEST, limit / 2),
        accepted=max(SLOWEST, limit),
        recovers_from=closed_until,
        trusted_until=closed_until + trusted,
    )
    return state, _rate_status(state, now, config, 0.0)


def allow(state: RateState, now: float, config: PacingConfig, *, allowance: int, seconds: float) -> Change:
    """Send no more than `allowance` calls in the next `seconds`, as the upstream says."""
    until = now + seconds
    # Two reports on one window (headers are in whole seconds): the smaller, because answers may overtake each other.
    if state.allowance is not None and abs(state.allowance_until - until) < 1.5:
        allowance, until = min(allowance, state.allowance), state.allowance_until
    state = msgspec.structs.replace(state, allowance=max(0, allowance), allowance_until=until)
    return state, _rate_status(state, now, config, 0.0)


def rate_of(state: RateState, now: float, config: PacingConfig) -> float | None:
    """Return the rate in force, per second; None for no limit."""
    learnt, given = _learnt(state, now), config.rate_per_second
    if learnt is None or given is None:
        return given if learnt is None else learnt
    # A configured rate is never exceeded, whatever the upstream was seen to accept.
    return min(learnt, given)


def _observed_limit(state: RateState, now: float, config: PacingConfig, refusal: Refusal) -> float | None:
    """Return the calls per second that were too many; None where the refusal does not say."""
    if refusal.accepted is not None and refusal.accepted.is_significant:
        return refusal.accepted.calls / refusal.accepted.seconds
    rate = rate_of(state, now, config)
    return GUESSED_LIMIT if rate is None and refusal.accepted is not None else rate


def _learnt(state: RateState, now: float) -> float | None:
    if state.halved is None:
        return None
    growth = state.accepted / RECOVERY_SECONDS
    rate = state.halved + growth * max(0.0, now - state.recovers_from)
    bound = SAFE_SHARE * state.accepted + growth * max(0.0, now - state.trusted_until)
    rate = max(SLOWEST, min(rate, bound))
    # None from there on: the gate opens, and calls no longer ask the store.
    return rate if rate < FORGOTTEN_AT * state.accepted else None


def _tokens(state: RateState, now: float, rate: float) -> float:
    # At least one, because slow rates save up less than one call in the time of a burst.
    return min(max(1.0, rate * BURST_SECONDS), state.tokens + rate * max(0.0, now - state.filled_at))


def _next_in(state: RateState, now: float, rate: float) -> float:
    return max(0.0, state.filled_at - now) + max(0.0, 1 - _tokens(state, now, rate)) / rate


def _closed_for(state: RateState, now: float) -> float:
    used_up = state.allowance == 0 and now < state.allowance_until
    return max(0.0, state.closed_until - now, state.allowance_until - now if used_up else 0.0)


def _with_one_less(state: RateState, allowance: int, now: float) -> RateState:
    left = allowance - 1 if now < state.allowance_until else None
    return msgspec.structs.replace(state, allowance=left)


def _rate_status(state: RateState, now: float, config: PacingConfig, wait: float) -> RateStatus:
    rate = rate_of(state, now, config)
    closed_for = _closed_for(state, now)
    allowing = state.allowance is not None and now < state.allowance_until
    return RateStatus(
        wait=wait,
        next_in=max(closed_for, _next_in(state, now, rate) if rate is not None else 0.0),
        per_second=rate,
        closed_for=closed_for,
        refusals=state.refusals,
        learnt=_learnt(state, now) is not None,
        restricted=rate is not None or closed_for > 0 or allowing,
    )


_Names: TypeAlias = tuple[HeaderField, HeaderField, HeaderField]
_STANDARD: Final[_Names] = ("ratelimit-remaining", "ratelimit-reset", "ratelimit-limit")
_CUSTOMARY: Final[_Names] = ("x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-limit")


class Remaining(msgspec.Struct, frozen=True):
    """What an upstream says is left of its limit; a value.

    Args:
        calls: The number of calls left.
        seconds: The time until the limit starts anew.
        limit: The whole limit; None where the upstream does not say.
    """

    calls: int
    seconds: float
    limit: int | None


def pause_of(answer: Answer, default: float) -> float | None:
    """Return the seconds for which the upstream wants no calls; None where it does not say that.

    Args:
        answer: Any answer.
        default: The seconds for a 429 that does not say how long.
    """
    if answer.status not in {429, 503}:
        return None
    pause = retry_after_seconds(answer)
    if pause is None and answer.status == 429:
        # Some upstreams say only in RateLimit-Reset when they take calls again.
        remaining = remaining_of(answer)
        return remaining.seconds if remaining is not None and remaining.calls == 0 else default
    return pause


def remaining_of(answer: Answer) -> Remaining | None:
    """Return what is left of the limit; None where the upstream does not say, or nothing that can be read."""
    headers = answer.headers
    for remaining_name, reset_name, limit_name in (_STANDARD, _CUSTOMARY):
        remaining = headers.get(remaining_name)
        if remaining is not None:
            return _parsed(answer, remaining, headers.get(reset_name), headers.get(limit_name))
    return None


def _parsed(answer: Answer, remaining: str, reset: str | None, limit: str | None) -> Remaining | None:
    calls, seconds = _number(remaining), delay_seconds(reset, answer.headers.get("date"))
    if calls is None or seconds is None:
        return None
    whole = _number(limit)
    return Remaining(int(calls), seconds, int(whole) if whole is not None else None) if seconds > 0 else None


def _number(text: str | None) -> float | None:
    """Return the number at the start of a field; None where there is none."""
    if text is None:
        return None
    # RateLimit-Limit may go on with the length of the window, such as `100, 100;w=10`.
    try:
        number = float(text.partition(",")[0].partition(";")[0])
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
