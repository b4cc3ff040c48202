"""Decides beforehand how each SMS of a simulated job goes: when it is sent, when it finishes, and how it ends."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from gateway.sandbox.sms.records import Outcome
from gateway.sandbox.sms.request import JobRequest, Period, Recipient, instant, period, used_validity

_NUMBER = re.compile(r"(\+|00)?[0-9]{5,20}")
_PROVIDER_VALIDITY = 2880


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
