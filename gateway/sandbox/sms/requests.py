"""Parse the requests of the simulated SMS service: the body of POST /jobs and the query of GET /jobs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson

MAX_RECIPIENTS = 3000

# GSM 03.38 (3GPP TS 23.038): the default alphabet and its extension, whose characters take two septets.
_GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = "\f^{}\\[~]|€"
_GSM = frozenset(_GSM_BASIC + _GSM_EXTENDED)
# The pattern of the vendor's page of definitions, which its Go SDK repeats.
_SOURCE = re.compile(r"\+?[0-9]{1,20}|[a-zA-Z0-9\x20-\x7e]{1,11}")
_ENCODINGS = frozenset({"standard", "utf-16"})
_QUALITIES = frozenset({"NORMAL", "EXPRESS"})
_INVALID_CHARACTERS = frozenset({"REFUSE", "REPLACE", "TO_UTF16", "TRANSLITERATE"})
_MIN_VALIDITY, _MAX_VALIDITY = 5, 2880
_MAX_REFERENCE, _MAX_ASCII_REFERENCE = 70, 192
_SHORTEST_BLACKOUT = timedelta(hours=1)

_LONGEST_WINDOW = timedelta(days=30)
_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1000
_BOOLEANS = {"true": True, "false": False}


Period = tuple[datetime, datetime]


class SmsRefusalError(Exception):
    """A request was refused with a status and no content.

    Args:
        status: The HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"answered {status}")
        self.status = status


class _Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of every part of a JobRequest: camelCase names, undocumented members are refused."""


class Options(_Wire, frozen=True, kw_only=True):
    """The options of a JobRequest, as sent. `max_parts` is clamped to 1..20, which no report shows."""

    src: str | None = None
    encoding: str | None = None
    billcode: str | None = None
    status_requested: bool | None = None
    flash: bool | None = None
    customer_ref: str | None = None
    validity_min: int | None = None
    max_parts: int | None = None
    invalid_characters: str | None = None
    qos: str | None = None
    job_period: str | None = None
    duplicate_detection: bool | None = None
    blackout_periods: list[str] | None = None


class Recipient(_Wire, frozen=True, kw_only=True):
    """A recipient of a JobRequest, as sent."""

    dst: str | None = None
    customer_ref: str | None = None
    blackout_periods: list[str] | None = None


class Message(_Wire, frozen=True, kw_only=True):
    """A message of a JobRequest, as sent."""

    text: str | None = None
    recipients: list[Recipient] | None = None


class JobRequest(_Wire, frozen=True, kw_only=True):
    """The body of POST /jobs, as sent."""

    options: Options = msgspec.field(default_factory=Options)
    messages: list[Message] | None = None


def job_request(body: bytes) -> JobRequest:
    """Parse and check the body of POST /jobs.

    Args:
        body: The request body.

    Raises:
        SmsRefusalError: 400 for malformed data and unknown enumeration values, 422 for missing or overlong content,
            and for characters outside the encoding if `invalidCharacters` is REFUSE.
    """
    try:
        request = msgspec.json.decode(body, type=JobRequest)
    except msgspec.MsgspecError:
        raise SmsRefusalError(400) from None
    _check_words(request.options)
    _check_periods(request)
    _check_messages(request)
    _check_references(request)
    return request


def canonical(body: bytes) -> bytes:
    """Return the JSON with sorted keys and without whitespace, to detect duplicates."""
    found: Any = orjson.loads(body)
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS)


def used_encoding(request: JobRequest) -> str:
    """Return the encoding of the job, as reports spell it."""
    asked = (request.options.encoding or "standard").lower()
    widened = request.options.invalid_characters == "TO_UTF16" and not _fits_standard(request)
    return "utf-16" if widened else asked


def used_validity(minutes: int | None) -> int:
    """Return the validity of a job in minutes: 0 is the provider's default, other values are clamped to 5..2880."""
    # Assumed: a login has a default of its own, which no document names.
    if minutes is None:
        return _MAX_VALIDITY
    # Other values are clamped, not refused, as in the comments of the vendor's Go SDK.
    return minutes and min(max(minutes, _MIN_VALIDITY), _MAX_VALIDITY)


def period(text: str) -> Period:
    """Parse an ISO-8601 interval "start/end"; one shorter than an hour is extended to an hour.

    Args:
        text: Such as "2018-10-25T18:00Z/2018-10-26T07:00Z".

    Returns:
        The start and the end.

    Raises:
        SmsRefusalError: 400 for an invalid interval.
    """
    start, slash, end = text.partition("/")
    if not slash:
        raise SmsRefusalError(400)
    first, last = instant(start), instant(end)
    if last <= first:
        raise SmsRefusalError(400)
    # By the comments of the vendor's Go SDK, as is 400 for a malformed one.
    return first, max(last, first + _SHORTEST_BLACKOUT)


def instant(text: str) -> datetime:
    """Parse an ISO-8601 timestamp; without an offset it is UTC.

    Args:
        text: With or without seconds.

    Raises:
        SmsRefusalError: 400 for an invalid timestamp.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SmsRefusalError(400) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_words(options: Options) -> None:
    wrong = (
        # In any case of letters: the document has "utf-16", the vendor's OpenAPI "UTF-16", its Go SDK qos in lower
        # case.
        (options.encoding or "standard").lower() not in _ENCODINGS
        or (options.qos or "NORMAL").upper() not in _QUALITIES
        or (options.invalid_characters or "REPLACE") not in _INVALID_CHARACTERS
    )
    if wrong:
        raise SmsRefusalError(400)


def _check_periods(request: JobRequest) -> None:
    if request.options.job_period is not None:
        instant(request.options.job_period)
    # One malformed period refuses the whole job.
    lists = [request.options.blackout_periods, *(found.blackout_periods for _, found in recipients(request))]
    for texts in lists:
        for text in texts or ():
            period(text)


def _check_messages(request: JobRequest) -> None:
    everyone = recipients(request)
    complete = (
        request.messages
        and all(message.text and message.recipients for message in request.messages)
        and all(recipient.dst for _, recipient in everyone)
    )
    # The document names no status for a job with more than 3000 recipients; 422 is assumed.
    if not complete or len(everyone) > MAX_RECIPIENTS:
        raise SmsRefusalError(422)
    if request.options.invalid_characters == "REFUSE" and not _fits_standard(request):
        raise SmsRefusalError(422)


def _check_references(request: JobRequest) -> None:
    options = request.options
    references = [options.customer_ref, *(recipient.customer_ref for _, recipient in recipients(request))]
    too_long = any(len(reference) > _longest_reference(reference) for reference in references if reference)
    if too_long or len(options.billcode or "") > _MAX_REFERENCE:
        raise SmsRefusalError(422)
    if options.src is not None and not _SOURCE.fullmatch(options.src):
        raise SmsRefusalError(422)


def _longest_reference(reference: str) -> int:
    return _MAX_ASCII_REFERENCE if reference.isascii() else _MAX_REFERENCE


def _fits_standard(request: JobRequest) -> bool:
    # Characters are checked for the standard encoding only.
    wide = (request.options.encoding or "standard").lower() == "utf-16"
    return wide or all(_GSM.issuperset(message.text or "") for message in request.messages or ())


def recipients(request: JobRequest) -> list[tuple[str, Recipient]]:
    """Return the text and the recipient of every SMS of a request, in order."""
    return [
        (message.text or "", recipient) for message in request.messages or () for recipient in message.recipients or ()
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobsQuery:
    """The query of GET /jobs, checked.

    Attributes:
        start: The earliest time of receipt.
        end: The latest time of receipt.
        open: True for jobs not finished, False for finished ones, None for both.
        limit: How many jobs, 1 to 1000.
        offset: How many jobs to skip.
    """

    start: datetime
    end: datetime
    open: bool | None
    limit: int
    offset: int


def jobs_query(parameters: Mapping[str, str], now: datetime) -> JobsQuery:
    """Parse the query of GET /jobs; the default window is the 30 days before toTs or `now`.

    Args:
        parameters: Decoded names and values; undocumented ones are ignored.
        now: The current time.

    Raises:
        SmsRefusalError: 400 for a value that the document does not allow.
    """
    # It "must currently always be set to true" (document).
    if parameters.get("jobIdsOnly", "true") != "true":
        raise SmsRefusalError(400)
    end = instant(parameters["toTs"]) if "toTs" in parameters else now
    # The document gives the two no defaults; the longest window that it allows is assumed.
    start = instant(parameters["fromTs"]) if "fromTs" in parameters else end - _LONGEST_WINDOW
    # "Must be after fromTs", by 30 days at most (document).
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
    # `isdigit` alone is true of "²", which `int` rejects.
    if not text.isascii() or not text.isdigit():
        raise SmsRefusalError(400)
    number = int(text)
    if number < lowest or (highest is not None and number > highest):
        raise SmsRefusalError(400)
    return number
