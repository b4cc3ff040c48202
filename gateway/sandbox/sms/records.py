"""What the simulated SMS service keeps: jobs, and recipients that move from OPEN to their end by the clock."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from gateway.sandbox.sms.requests import JobRequest, Period, Recipient, instant, period, used_validity

_NUMBER = re.compile(r"(\+|00)?[0-9]{5,20}")
_PROVIDER_VALIDITY = 2880


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How an SMS ends, in the words of the vendor's table of outbound status codes; a value.

    Attributes:
        process_status: DONE, CANCELED or KILL.
        status: SUC_FIN and so on; None where the table has none.
        reason: A sentence.
        handed_over: Whether the SMS gets as far as the provider, and so has a sentTs.
    """

    process_status: str
    status: str | None
    reason: str | None
    handed_over: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientState:
    """Where an SMS stands at one time; a value. What is None has no key in the report."""

    process_status: str
    status: str | None = None
    reason: str | None = None
    sent_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsRecipient:
    """One SMS to one number, its course settled beforehand; simulator lifetime.

    Attributes:
        sms_id: S.yyyyMMdd-HHmmss-00001 and so on.
        destination: As the client wrote it.
        customer_ref: The client's; the destination where it gave none.
        scheduled_at: OPEN without a status until then; handed over or first tried then.
        running_at: From accepted (OPEN) to RUNNING.
        finished_at: When the outcome stands.
        outcome: How it ends.
    """

    sms_id: str
    destination: str
    customer_ref: str
    scheduled_at: datetime
    running_at: datetime
    finished_at: datetime
    outcome: Outcome

    def state_at(self, now: datetime) -> RecipientState:
        """Return where the SMS stands at that time."""
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
        if self.outcome.status == "CON_ERR":
            return RecipientState(process_status="OPEN", status="CON_ERR", reason="Provider not reachable, retrying.")
        if sent_at is None:
            return RecipientState(process_status="OPEN")
        word = "OPEN" if now < self.running_at else "RUNNING"
        return RecipientState(process_status=word, status="SUC_ACC", reason="Accepted.", sent_at=sent_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsJob:
    """One job; simulator lifetime, though it is shown for three months only.

    Attributes:
        job_id: J.yyyyMMdd-HHmmss.SSS- and 18 letters or digits.
        received_at: When it was posted.
        encoding: "standard" or "utf-16", as reports spell it.
        validity_minutes: 0 for the provider's default, else 5 to 2880.
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
        """Return when the last recipient finished, None while one has not."""
        finished_at = max(recipient.finished_at for recipient in self.recipients)
        return finished_at if finished_at <= now else None

    def shown_at(self, now: datetime, *, lag_seconds: float, kept_days: int) -> bool:
        """Tell whether the job can be asked for.

        Args:
            now: The time.
            lag_seconds: How long after it was posted a job is not known yet.
            kept_days: After how many days it is forgotten.
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
_NOTIFIED_FAILURES = (
    *_FAILURES,
    _TIMED_OUT,
    _ends("FAILED_FIN", "Not delivered to destination.", handed_over=True),
    _ends("STATUS_ERR", "Internal error while asking for the notification.", handed_over=True),
    _ends("SUC_ACC", "Cancelled after it was sent.", handed_over=True, process_status="KILL"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsCourse:
    """How one SMS goes; a value. The fields are those of `SmsRecipient`."""

    scheduled_at: datetime
    running_at: datetime
    finished_at: datetime
    outcome: Outcome


class SmsCourses:
    """Draws the courses of a simulator's recipients; simulator lifetime.

    Args:
        random: Decides times and outcomes.
        failing_share: The share of recipients, 0 to 1, that do not end well; malformed numbers never do.
    """

    def __init__(self, random: Random, failing_share: float) -> None:
        self._random = random
        self._failing_share = failing_share

    def draw(self, request: JobRequest, recipient: Recipient, received_at: datetime) -> SmsCourse:
        """Settle how one SMS goes.

        Args:
            request: The job, whose period, blackouts, validity and wish for notifications count.
            recipient: Whom it is for; its own blackouts replace the job's.
            received_at: When the job was posted.

        Returns:
            The course: seconds for an SMS without notification, up to two minutes with one, and the whole validity
            where it times out.
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
    texts = request.options.blackout_periods if own is None else own
    for first, last in sorted(_periods(texts or [])):
        if first <= start < last:
            start = last
    return start


def _periods(texts: list[str]) -> list[Period]:
    return [period(text) for text in texts]
