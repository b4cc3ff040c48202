"""Records of the simulated SMS service: jobs, recipients, and the course that each SMS takes.

Theory of operation: the course of each SMS is drawn when its job is accepted: when it is scheduled, when it is running,
when it finishes and with which outcome. The state at any time is a pure function of the course and that time. It moves
from OPEN over RUNNING to DONE, CANCELED or KILL.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from gateway.sandbox.sms.requests import JobRequest, Period, Recipient, instant, period, used_validity

# With 00 as well, as in the tests of the vendor's SDKs.
_NUMBER = re.compile(r"(\+|00)?[0-9]{5,20}")
# Assumed: no document names the provider's default.
_PROVIDER_VALIDITY = 2880


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The final state of an SMS, in the words of the vendor's table of outbound status codes.

    Attributes:
        process_status: DONE, CANCELED or KILL.
        status: A status such as SUC_FIN; None if the table has none.
        reason: The explanation, a sentence.
        handed_over: Whether the SMS reaches the provider and therefore has a sentTs.
    """

    process_status: str
    status: str | None
    reason: str | None
    handed_over: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientState:
    """The state of an SMS at one time. Fields that are None have no key in the report."""

    process_status: str
    status: str | None = None
    reason: str | None = None
    sent_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsRecipient:
    """One SMS to one number, with its course; simulator lifetime.

    Attributes:
        sms_id: An id such as S.20240219-091407-00001.
        destination: The number as the client wrote it.
        customer_ref: The client's reference; the destination if it gave none.
        scheduled_at: When the SMS is handed over or first tried; OPEN without a status before.
        running_at: When the process status changes from OPEN to RUNNING.
        finished_at: When the outcome is reached.
        outcome: The final state.
    """

    sms_id: str
    destination: str
    customer_ref: str
    scheduled_at: datetime
    running_at: datetime
    finished_at: datetime
    outcome: Outcome

    def state_at(self, now: datetime) -> RecipientState:
        """Return the state at `now`."""
        sent_at = self.scheduled_at if self.outcome.handed_over else None
        if now >= self.finished_at:
            return RecipientState(
                process_status=self.outcome.process_status,
                status=self.outcome.status,
                reason=self.outcome.reason,
                sent_at=sent_at,
                finished_at=self.finished_at,
            )
        if now < self.scheduled_at:
            return RecipientState(process_status="OPEN")
        # OPEN with a status means that sending is tried again (document: status codes).
        if self.outcome.status == "CON_ERR":
            return RecipientState(process_status="OPEN", status="CON_ERR", reason="Provider not reachable, retrying.")
        if sent_at is None:
            return RecipientState(process_status="OPEN")
        # The document's sample has OPEN with SUC_ACC, its table RUNNING: both are shown, one after the other.
        word = "OPEN" if now < self.running_at else "RUNNING"
        return RecipientState(process_status=word, status="SUC_ACC", reason="Accepted.", sent_at=sent_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsJob:
    """One job; simulator lifetime, but shown for three months only.

    Attributes:
        job_id: "J.yyyyMMdd-HHmmss.SSS-" and 18 letters or digits.
        received_at: When the job was posted.
        encoding: "standard" or "utf-16", as reports spell it.
        validity_minutes: 0 for the provider's default, otherwise 5 to 2880.
        recipients: At least one.
    """

    job_id: str
    received_at: datetime
    source: str
    encoding: str
    billcode: str | None
    status_requested: bool
    flash: bool
    validity_minutes: int
    customer_ref: str | None
    qos: str
    recipients: tuple[SmsRecipient, ...]

    def finished_by(self, now: datetime) -> datetime | None:
        """Return when the last recipient finished; None if one has not finished by `now`."""
        finished_at = max(recipient.finished_at for recipient in self.recipients)
        return finished_at if finished_at <= now else None

    def shown_at(self, now: datetime, *, lag_seconds: float, kept_days: int) -> bool:
        """Return whether the job is found at `now`.

        Args:
            now: The current time.
            lag_seconds: How long a job is not found after it was posted.
            kept_days: How many days a job is kept.
        """
        age = now - self.received_at
        return timedelta(seconds=lag_seconds) <= age <= timedelta(days=kept_days)


def _ends(status: str | None, reason: str, *, handed_over: bool, process_status: str = "DONE") -> Outcome:
    return Outcome(process_status=process_status, status=status, reason=reason, handed_over=handed_over)


_DELIVERED = _ends("SUC_FIN", "Delivered to destination.", handed_over=True)
_ACCEPTED = _ends("SUC_ACC", "Accepted.", handed_over=True)
_INVALID = _ends("INVALID_DST", "Invalid destination number.", handed_over=False)
_TIMED_OUT = _ends("TIMEOUT", "Validity period is over.", handed_over=True)
_FAILURES = (
    _INVALID,
    _ends("BLOCKED", "Destination is on the block list.", handed_over=False),
    _ends("CON_ERR", "Provider not reachable, no retries left.", handed_over=False),
    _ends("NOT_ACC_FIN", "Provider did not accept the message.", handed_over=False),
    _ends("SEND_ERR", "Internal error while sending.", handed_over=True),
    _ends("NOT_ACC_REC", "Cancelled after the first attempt.", handed_over=False, process_status="CANCELED"),
    Outcome(process_status="CANCELED", status=None, reason=None, handed_over=False),
)
# The vendor's table has the further ones only for jobs that asked for notifications.
_NOTIFIED_FAILURES = (
    *_FAILURES,
    _TIMED_OUT,
    _ends("FAILED_FIN", "Not delivered to destination.", handed_over=True),
    _ends("STATUS_ERR", "Internal error while asking for the notification.", handed_over=True),
    _ends("SUC_ACC", "Cancelled after it was sent.", handed_over=True, process_status="KILL"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsCourse:
    """The course of one SMS. The fields are those of `SmsRecipient`."""

    scheduled_at: datetime
    running_at: datetime
    finished_at: datetime
    outcome: Outcome


class SmsCourses:
    """Draws the course of each SMS; simulator lifetime.

    Args:
        random: Decides times and outcomes.
        failing_share: The share of recipients, 0 to 1, that do not end successfully; malformed numbers never do.
    """

    def __init__(self, random: Random, failing_share: float) -> None:
        self._random = random
        self._failing_share = failing_share

    def draw(self, request: JobRequest, recipient: Recipient, received_at: datetime) -> SmsCourse:
        """Draw the course of one SMS.

        Args:
            request: The job, with its period, blackouts, validity and request for notifications.
            recipient: The recipient; its own blackouts replace those of the job.
            received_at: When the job was posted.

        Returns:
            A course of a few seconds without notification, up to two minutes with notification, and the whole
            validity period for a timeout.
        """
        random = self._random
        notified = bool(request.options.status_requested)
        outcome = self._outcome(recipient, notified=notified)
        start = _allowed_start(request, recipient, received_at)
        scheduled_at = start + timedelta(seconds=random.uniform(1, 4))
        running_at = scheduled_at + timedelta(seconds=random.uniform(1, 5))
        lasting = random.uniform(10, 120) if notified else random.uniform(1, 3)
        if outcome is _TIMED_OUT:
            minutes = used_validity(request.options.validity_min) or _PROVIDER_VALIDITY
            lasting = minutes * 60.0
        return SmsCourse(
            scheduled_at=scheduled_at,
            running_at=running_at,
            finished_at=scheduled_at + timedelta(seconds=lasting),
            outcome=outcome,
        )

    def _outcome(self, recipient: Recipient, *, notified: bool) -> Outcome:
        # Both values are always drawn, so that one recipient's number does not change the outcomes of the others.
        failing = self._random.random() < self._failing_share
        failure = self._random.choice(_NOTIFIED_FAILURES if notified else _FAILURES)
        if not _NUMBER.fullmatch(recipient.dst or ""):
            return _INVALID
        if failing:
            return failure
        return _DELIVERED if notified else _ACCEPTED


def _allowed_start(request: JobRequest, recipient: Recipient, received_at: datetime) -> datetime:
    asked = request.options.job_period
    start = max(received_at, instant(asked)) if asked else received_at
    own = recipient.blackout_periods
    # An empty list of a recipient replaces the job's periods, too.
    texts = request.options.blackout_periods if own is None else own
    # Sorted, because the end of one period may lie within the next.
    for first, last in sorted(_periods(texts or [])):
        if first <= start < last:
            start = last
    return start


def _periods(texts: list[str]) -> list[Period]:
    return [period(text) for text in texts]
