"""Reads the time that a header asks to wait: `Retry-After`, and the resets of `RateLimit-*` and `X-RateLimit-*`.

Documents name seconds and HTTP-dates (RFC 9110, 10.2.3). APIs and the proxies before them also send Unix times in
seconds, milliseconds, microseconds or nanoseconds, durations with units (`1m30s`, `250ms`), ISO 8601 timestamps, and
the same field twice. Of several values the longest counts; one that makes no sense is passed over.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final

from resolvers.upstreams.fields import instant

EPOCH_FROM: Final = 1e9
"""The least number that is a Unix time; a smaller one is a number of seconds."""

_EPOCH_SECONDS_BELOW: Final = 1e11
"""A larger Unix time (this is the year 5138) counts milliseconds, a thousand times as large microseconds, and so on."""

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_DURATION: Final = re.compile(rf"(?:{_PART.pattern})+")
_NEXT_VALUE: Final = re.compile(r"(?<![A-Za-z]{3}),\s*|(?<=GMT),\s*")
"""Matches the comma between repeated values, and not the one behind the day's name in an HTTP-date."""


def delay_seconds(text: str | None, date: str | None, wall: Callable[[], float] = time.time) -> float | None:
    """Return the seconds from now that a header's value asks to wait, 0 for a moment that has passed.

    Args:
        text: The header's value; those of repeated fields are joined by commas.
        date: The answer's `Date`, from which a moment is measured, because the upstream's clock may differ from ours.
        wall: The clock for an answer without a readable `Date`, in seconds since 1970.

    Returns:
        None if the value is absent or makes no sense.
    """
    if text is None:
        return None
    # A plain number first, because nearly every rate limit header is one and comes with every answer.
    try:
        number = float(text)
    except ValueError:
        return _longest(text, date, wall)
    return _of_number(number, date, wall)


def _longest(text: str, date: str | None, wall: Callable[[], float]) -> float | None:
    delays = [_of_value(value.strip(), date, wall) for value in _NEXT_VALUE.split(text)]
    return max((delay for delay in delays if delay is not None), default=None)


def _of_value(value: str, date: str | None, wall: Callable[[], float]) -> float | None:
    try:
        return _of_number(float(value), date, wall)
    except ValueError:
        pass
    if _DURATION.fullmatch(value):
        seconds = sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(value))
        # As for plain numbers: one as large is no number of seconds to wait.
        return seconds if seconds < EPOCH_FROM else None
    moment = _http_date(value)
    if moment is None:
        read = instant(value)
        moment = read.timestamp() if read is not None else None
    return None if moment is None else max(0.0, moment - _now(date, wall))


def _of_number(number: float, date: str | None, wall: Callable[[], float]) -> float | None:
    # `float` also reads `nan` and `inf`.
    if not isfinite(number) or number < 0:
        return None
    if number < EPOCH_FROM:
        return number
    # To seconds, whether the API counts in milliseconds, microseconds or nanoseconds.
    while number >= _EPOCH_SECONDS_BELOW:
        number /= 1000
    return max(0.0, number - _now(date, wall))


def _now(date: str | None, wall: Callable[[], float]) -> float:
    # By the upstream's own clock if it is known, because ours may differ.
    sent = _http_date(date) if date is not None else None
    return wall() if sent is None else sent


def _http_date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        # The form of asctime names no zone, and like the others means UTC (RFC 9110, 5.6.7).
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
