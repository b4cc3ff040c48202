"""Reads the query of the simulated list of SMS jobs, and refuses what its document does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.sandbox.sms.request import SmsRefusalError, instant

_LONGEST_WINDOW = timedelta(days=30)
_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1000
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobsQuery:
    """Which jobs are asked for; a value.

    Attributes:
        start: Received no earlier.
        end: Received no later.
        open: True for jobs not finished, False for finished ones, None for both.
        limit: How many, 1 to 1000.
        offset: How many to skip.
    """

    start: datetime
    end: datetime
    open: bool | None
    limit: int
    offset: int


def jobs_query(parameters: Mapping[str, str], now: datetime) -> JobsQuery:
    """Read the query of GET /jobs; without timestamps, it asks for the 30 days before toTs or now.

    Args:
        parameters: Names and values, decoded; others than the documented are passed over.
        now: The time.

    Returns:
        What is asked for.

    Raises:
        SmsRefusalError: 400 for a value against the document's rules.
    """
    if parameters.get("jobIdsOnly", "true") != "true":
        raise SmsRefusalError(400)
    end = instant(parameters["toTs"]) if "toTs" in parameters else now
    start = instant(parameters["fromTs"]) if "fromTs" in parameters else end - _LONGEST_WINDOW
    if start >= end or end - start > _LONGEST_WINDOW:
        raise SmsRefusalError(400)
    return JobsQuery(
        start=start,
        end=end,
        open=_open(parameters.get("open", "")),
        limit=_whole_number(parameters.get("limit", str(_DEFAULT_LIMIT)), lowest=1, highest=_MAX_LIMIT),
        offset=_whole_number(parameters.get("offset", "0"), lowest=0, highest=None),
    )


def _open(text: str) -> bool | None:
    if not text:
        return None
    if text not in _BOOLEANS:
        raise SmsRefusalError(400)
    return _BOOLEANS[text]


def _whole_number(text: str, *, lowest: int, highest: int | None) -> int:
    if not text.isascii() or not text.isdigit():
        raise SmsRefusalError(400)
    number = int(text)
    if number < lowest or (highest is not None and number > highest):
        raise SmsRefusalError(400)
    return number
