"""Requests to the SMS API: the job to post with its options, and the query of the list of job ids."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from resolvers.upstreams.sms.vocabulary import InvalidCharacters, SmsEncoding, SmsQos


def timestamp(moment: datetime) -> str:
    """Return an instant as the vendor writes it, such as `2018-09-24T11:00:00.000+02:00`.

    Args:
        moment: With a zone.
    """
    # To the millisecond, as all of the document's examples are.
    return moment.isoformat(timespec="milliseconds")


def blackout_period(start: datetime, end: datetime) -> str:
    """Return a span without deliveries as the vendor writes it; the vendor widens one under an hour to an hour.

    Args:
        start: With a zone.
        end: With a zone.
    """
    return f"{timestamp(start)}/{timestamp(end)}"


class MessageRecipient(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A recipient of a message.

    Args:
        destination: A phone number, best in E.164 with its plus.
        customer_ref: The sender's own reference; the vendor takes the destination if it is None.
        blackout_periods: Each made by `blackout_period`; they replace those of the options.
    """

    destination: str = msgspec.field(name="dst")
    customer_ref: str | None = None
    blackout_periods: tuple[str, ...] | None = None


class Message(msgspec.Struct, frozen=True):
    """One text and its recipients."""

    text: str
    recipients: tuple[MessageRecipient, ...]


class JobOptions(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The options of a job; a field that is None is left to the defaults of the account.

    Args:
        source: The sender's id: up to 20 digits, or up to 11 letters, digits, spaces and punctuation.
        encoding: STANDARD or UTF_16.
        billcode: For the vendor's invoice.
        status_requested: Ask the networks for delivery notifications.
        flash: Show the SMS at once; not possible in all countries.
        customer_ref: The sender's own reference of the whole job.
        validity_minutes: 0 for the provider's own, or 5 to 2880; the vendor clamps others.
        max_parts: 1 to 20; the vendor cuts off a longer text.
        invalid_characters: The treatment of characters that STANDARD does not have.
        qos: NORMAL or EXPRESS.
        job_period: The start, made by `timestamp`.
        duplicate_detection: Refuse the same job if it was posted in the last 10 minutes.
        blackout_periods: Each made by `blackout_period`.
    """

    source: str | None = msgspec.field(name="src", default=None)
    encoding: SmsEncoding | None = None
    billcode: str | None = None
    status_requested: bool | None = None
    flash: bool | None = None
    customer_ref: str | None = None
    validity_minutes: int | None = msgspec.field(name="validityMin", default=None)
    max_parts: int | None = None
    invalid_characters: InvalidCharacters | None = None
    qos: SmsQos | None = None
    job_period: str | None = None
    duplicate_detection: bool | None = None
    blackout_periods: tuple[str, ...] | None = None


class JobRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job to post (documents: "Creating a job for sending SMSs").

    Args:
        messages: At least one, with at most 3000 recipients over all of them.
        options: None leaves everything to the defaults of the account.
    """

    messages: tuple[Message, ...]
    options: JobOptions | None = None


MAX_LIMIT: Final = 1000
"""The most ids in one answer, documented."""

WINDOW: Final = timedelta(days=30)
"""The longest span of one list, documented."""

RESOLUTION: Final = timedelta(milliseconds=1)
"""The resolution of the vendor's timestamps."""


class JobIdQuery(msgspec.Struct, frozen=True):
    """The query of a list of job ids (documents: "Getting reports for all jobs matching a given criterion").

    Args:
        from_time: With a zone; at most 30 days before `to_time`.
        to_time: With a zone; after `from_time`.
        open: True for jobs still open, False for finished ones, None for both.
        limit: 1 to 1000; the vendor takes 100 if it is None.
        offset: The number of ids to skip.
    """

    from_time: datetime | None = None
    to_time: datetime | None = None
    open: bool | None = None
    limit: int | None = None
    offset: int | None = None


def job_id_parameters(query: JobIdQuery) -> dict[str, str]:
    """Return the parameters of the query, without those left to the vendor."""
    words = {
        # "Must currently always be set to true" (the document), which also calls it the default.
        "jobIdsOnly": "true",
        "fromTs": timestamp(query.from_time) if query.from_time else None,
        "toTs": timestamp(query.to_time) if query.to_time else None,
        "open": None if query.open is None else str(query.open).lower(),
        "limit": None if query.limit is None else str(query.limit),
        "offset": None if query.offset is None else str(query.offset),
    }
    return {name: word for name, word in words.items() if word is not None}
