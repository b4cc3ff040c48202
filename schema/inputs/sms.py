"""Inputs about SMS: the messages of a job, and how they are sent."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import strawberry

from resolvers.catalogue import RecordType, require_global_id
from resolvers.errors import BadInput
from resolvers.ids import global_id
from resolvers.sms.billing import ALWAYS_FITS, MAX_PARTS, count_parts
from resolvers.sms.jobs import reference_to
from resolvers.upstreams.sms.requests import (
    JobOptions,
    JobRequest,
    Message,
    MessageRecipient,
    blackout_period,
    timestamp,
)
from schema.enums import InvalidCharacters, SmsEncoding, SmsQos
from schema.inputs.checks import Path, Refusals, known, not_blank, not_empty, not_longer_than
from schema.inputs.idempotency import KEY_DESCRIPTION

MAX_RECIPIENTS: Final = 3000
"""The most recipients over all messages of a job (Retarus, JobRequest)."""

MAX_REFERENCE: Final = 70
"""Characters of a billcode or a reference (Retarus, Options and Recipient)."""

MAX_ASCII_REFERENCE: Final = 192
"""Characters of a job's reference that is all US-ASCII (Retarus, Options)."""


_SOURCE: Final = re.compile(r"\+?[0-9]{1,20}|[a-zA-Z0-9!-/:-@\[-`{-~ ]{1,11}")
"""A number, or a short name (Retarus, Options: src)."""


@strawberry.input(description="A time in which no SMS is sent; one shorter than an hour lasts an hour.")
class BlackoutPeriodInput:
    """A pause in sending; operation lifetime."""

    start: datetime = strawberry.field(description="The pause's first instant.")
    end: datetime = strawberry.field(description="The instant at which SMS go out again.")

    def to_request(self, path: Path) -> str:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: It does not end after it starts.
        """
        # A short one passes: the vendor lets it last an hour.
        if self.start >= self.end:
            raise BadInput("A blackout period must end after it starts.", path=path)
        return blackout_period(self.start, self.end)


@strawberry.input(description="A number that a text goes to.")
class SmsRecipientInput:
    """A recipient of a message; operation lifetime."""

    destination: str = strawberry.field(description="A phone number, best with + and the country's code.")
    customer_ref: str | None = strawberry.field(description="The sender's reference, of at most 70 characters.")
    blackout_periods: list[BlackoutPeriodInput] | None = strawberry.field(
        description="When this recipient gets no SMS; in place of the job's."
    )

    def to_request(self, path: Path) -> MessageRecipient:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: The number is blank, the reference too long, or a pause ends before it starts.
        """
        with Refusals() as checked:
            return MessageRecipient(
                # In any form: the vendor adds the account's own country code to a number without one.
                destination=checked(not_blank, self.destination, (*path, "destination")),
                customer_ref=checked(not_longer_than, MAX_REFERENCE, self.customer_ref, (*path, "customerRef")),
                blackout_periods=checked(_periods, self.blackout_periods, (*path, "blackoutPeriods")),
            )


@strawberry.input(description="A text and whom it goes to.")
class SmsMessageInput:
    """A text and its recipients; operation lifetime."""

    text: str = strawberry.field(description="What the SMS says; a longer one is sent in parts, of at most 20.")
    recipients: list[SmsRecipientInput] = strawberry.field(description="Whom it goes to; at least one.")

    def to_request(self, options: "SmsOptionsInput | None", path: Path) -> Message:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: The text is blank or longer than the vendor sends, or there is no recipient, or one is refused.
        """
        with Refusals() as checked:
            return Message(
                text=checked(_whole_text, self.text, options, (*path, "text")),
                recipients=checked(self._recipients, (*path, "recipients")),
            )

    def _recipients(self, path: Path) -> tuple[MessageRecipient, ...]:
        recipients = not_empty(self.recipients, path)
        with Refusals() as checked:
            return tuple(checked(one.to_request, (*path, index)) for index, one in enumerate(recipients))


@strawberry.input(description="How a job is sent; what is left out is as the account's settings say.")
class SmsOptionsInput:
    """The options of a whole job; operation lifetime."""

    source: str | None = strawberry.field(
        description="The sender that the phones show: up to 20 digits after an optional +, or up to 11 characters."
    )
    encoding: SmsEncoding | None = strawberry.field(description="How the texts are encoded.")
    billcode: str | None = strawberry.field(description="A word for the bill, of at most 70 characters.")
    status_requested: bool | None = strawberry.field(description="Whether delivery notifications are asked for.")
    flash: bool | None = strawberry.field(description="Show the SMS at once and do not store it; costs extra.")
    customer_ref: str | None = strawberry.field(
        description="The sender's reference, of at most 70 characters, or 192 where all are US-ASCII."
    )
    validity_minutes: int | None = strawberry.field(
        description="How long delivery is tried: 0 is the provider's default, else 5 to 2880; clamped by the upstream."
    )
    max_parts: int | None = strawberry.field(
        description="How many parts a text may take, 1 to 20; clamped by the upstream, a longer text is cut."
    )
    invalid_characters: InvalidCharacters | None = strawberry.field(
        description="What becomes of characters that the STANDARD encoding lacks."
    )
    qos: SmsQos | None = strawberry.field(description="How urgent the job is.")
    job_period: datetime | None = strawberry.field(description="When to start sending.")
    duplicate_detection: bool | None = strawberry.field(
        description="Refuse the job as a Conflict where the same was posted within the last 10 minutes."
    )
    blackout_periods: list[BlackoutPeriodInput] | None = strawberry.field(description="When no SMS is sent.")

    def to_request(self, path: Path) -> JobOptions:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: An enum is UNKNOWN, a text too long, the source malformed, or a pause ends before it starts.
        """
        with Refusals() as checked:
            return JobOptions(
                source=checked(_source, self.source, (*path, "source")),
                encoding=checked(known, self.encoding, (*path, "encoding")),
                billcode=checked(not_longer_than, MAX_REFERENCE, self.billcode, (*path, "billcode")),
                status_requested=self.status_requested,
                flash=self.flash,
                customer_ref=checked(_job_reference, self.customer_ref, (*path, "customerRef")),
                # As it is, like `maxParts`: the vendor clamps both, so no value of them would be refused.
                validity_minutes=self.validity_minutes,
                max_parts=self.max_parts,
                invalid_characters=self.invalid_characters,
                qos=checked(known, self.qos, (*path, "qos")),
                job_period=timestamp(self.job_period) if self.job_period else None,
                duplicate_detection=self.duplicate_detection,
                blackout_periods=checked(_periods, self.blackout_periods, (*path, "blackoutPeriods")),
            )


@strawberry.input(description="A job to send.")
class SendSmsInput:
    """A job to send; operation lifetime."""

    messages: list[SmsMessageInput] = strawberry.field(description="At least one, to at most 3000 recipients in all.")
    options: SmsOptionsInput | None = strawberry.field(description="How to send them.")
    regarding: strawberry.ID | None = strawberry.field(
        description=(
            "A delivery or logistics task that this is about; kept in the job's customerRef, so not together with "
            "options.customerRef. Only a global id says which of the two it is."
        )
    )
    idempotency_key: str | None = strawberry.field(description=KEY_DESCRIPTION)

    def to_request(self, path: Path) -> JobRequest:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: There is no message, there are over 3000 recipients, or a part of a message is refused.
        """
        with Refusals() as checked:
            return JobRequest(
                messages=checked(self._messages, (*path, "messages")),
                options=checked(self.options.to_request, (*path, "options")) if self.options else None,
            )

    def _messages(self, path: Path) -> tuple[Message, ...]:
        messages = not_empty(self.messages, path)
        recipients = sum(len(message.recipients) for message in messages)
        # Before the call, because no document says by which status the vendor refuses more, and before each is checked.
        if recipients > MAX_RECIPIENTS:
            raise BadInput(f"There are {recipients} recipients; a job takes at most {MAX_RECIPIENTS}.", path=path)
        with Refusals() as checked:
            return tuple(
                checked(message.to_request, self.options, (*path, index)) for index, message in enumerate(messages)
            )

    def checked_regarding(self, path: Path) -> tuple[RecordType, str] | None:
        """Return the type and the upstream's own id of the record that the job is about; None if it names none.

        Raises:
            BadInput: It names no delivery or task, its id is too long, or the job has a `customerRef` as well.
        """
        if self.regarding is None:
            return None
        found = require_global_id(self.regarding, (*path, "regarding"))
        # Only a type that `SmsJob.regarding` can return: its estimate is of these.
        if not found[0].subject:
            raise BadInput(
                "This must be the global id of a Delivery or a LogisticsTask, such as Delivery:4711.",
                path=(*path, "regarding"),
            )
        record_type, own_id = found
        reference = reference_to(global_id(record_type.name, own_id))
        if len(reference) > MAX_ASCII_REFERENCE:
            raise BadInput(
                f"This makes a reference of {len(reference)} characters, and the vendor takes {MAX_ASCII_REFERENCE}.",
                path=(*path, "regarding"),
            )
        if self.options is not None and self.options.customer_ref is not None:
            raise BadInput(
                "`regarding` is kept in the job's customerRef: leave out one of the two.", path=(*path, "regarding")
            )
        return found


def _whole_text(text: str, options: SmsOptionsInput | None, path: Path) -> str:
    """Return a text that fits into the largest number of parts."""
    not_blank(text, path)
    # Hardly any text is longer, so parts are counted for those only.
    if len(text) <= ALWAYS_FITS:
        return text
    encoding, invalid = (options.encoding, options.invalid_characters) if options else (None, None)
    # Against the vendor's own limit only: a job that sets a lower `maxParts` asks for its texts to be cut.
    parts = count_parts(text, encoding, invalid)
    if parts > MAX_PARTS:
        raise BadInput(
            f"This takes {parts} parts, and the vendor cuts off all beyond {MAX_PARTS} in silence. A part holds 153 "
            "units of the GSM alphabet (its ^{}\\[~]|€ take two), or 67 of UTF-16, which a single character beyond "
            "that alphabet brings about unless `invalidCharacters` says otherwise. Send several messages.",
            path=path,
        )
    return text


def _periods(periods: Sequence[BlackoutPeriodInput] | None, path: Path) -> tuple[str, ...] | None:
    if periods is None:
        return None
    with Refusals() as checked:
        return tuple(checked(period.to_request, (*path, index)) for index, period in enumerate(periods))


def _source(text: str | None, path: Path) -> str | None:
    if text is not None and not _SOURCE.fullmatch(text):
        raise BadInput(
            "A source is 1 to 20 digits after an optional +, or 1 to 11 letters, digits, spaces and punctuation marks.",
            path=path,
        )
    return text


def _job_reference(text: str | None, path: Path) -> str | None:
    limit = MAX_ASCII_REFERENCE if text is not None and text.isascii() else MAX_REFERENCE
    return not_longer_than(limit, text, path)
