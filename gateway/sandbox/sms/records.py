"""What the simulated SMS service keeps: jobs, and recipients that move from OPEN to their end by the clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta


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
