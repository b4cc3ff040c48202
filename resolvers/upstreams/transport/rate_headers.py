"""What an answer's headers say about the upstream's limit: Retry-After, RateLimit-* and X-RateLimit-*."""

from typing import Final, TypeAlias

import msgspec

from resolvers.upstreams.answers import retry_after_seconds
from resolvers.upstreams.call import Answer, HeaderField
from resolvers.upstreams.delay import delay_seconds

_Names: TypeAlias = tuple[HeaderField, HeaderField, HeaderField]
_STANDARD: Final[_Names] = ("ratelimit-remaining", "ratelimit-reset", "ratelimit-limit")
_CUSTOMARY: Final[_Names] = ("x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-limit")


class Remaining(msgspec.Struct, frozen=True):
    """What is left of a limit.

    Args:
        calls: How many calls.
        seconds: Until the limit starts anew.
        limit: Of how many; None where the upstream does not say.
    """

    calls: int
    seconds: float
    limit: int | None


def pause_of(answer: Answer, default: float) -> float | None:
    """Seconds for which the upstream wants no calls; None where it says no such thing.

    Args:
        answer: Any.
        default: For a 429 that does not say how long.
    """
    if answer.status not in {429, 503}:
        return None
    pause = retry_after_seconds(answer)
    if pause is None and answer.status == 429:
        remaining = remaining_of(answer)
        return remaining.seconds if remaining is not None and remaining.calls == 0 else default
    return pause


def remaining_of(answer: Answer) -> Remaining | None:
    """What is left of the limit; None where the upstream says nothing, or nothing that makes sense."""
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
    """The number at the start: RateLimit-Limit may go on with the window's length, such as `100, 100;w=10`."""
    if text is None:
        return None
    try:
        number = float(text.partition(",")[0].partition(";")[0])
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
