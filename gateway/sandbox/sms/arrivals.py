"""The SMS jobs that begin while the sandbox runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from gateway.sandbox.arrivals import Arrival, Arrivals, Rhythm
from gateway.sandbox.sms.courses import SmsCourses
from gateway.sandbox.sms.data_centre import DataCentre, JobDefaults
from gateway.sandbox.sms.records import SmsJob, SmsRecipient
from gateway.sandbox.sms.request import JobRequest, Message, Options, Recipient

RHYTHM: Final = Rhythm(every_seconds=300, ahead=0, kept=288)
"""A day of the clock is kept."""

RECIPIENTS: Final = 4
APART_SECONDS: Final = 150.0
"""What lies between two recipients of a job: it is open for longer than it takes until the next one begins."""

_FIRST_NUMBER: Final = 90_001
_VALIDITY_MINUTES: Final = 5


def job_arrivals(
    data_centres: Sequence[DataCentre], defaults: JobDefaults, failing_share: float, seed: int, start: datetime
) -> Arrivals:
    """What gives new jobs to the data centres in turn and removes old ones.

    Args:
        data_centres: Where the jobs land.
        defaults: What the login has set.
        failing_share: The share of recipients, 0 to 1, that do not end well.
        seed: The same seed and start give the same jobs, whatever clients do meanwhile.
        start: When the simulators start.
    """

    def add(arrival: Arrival) -> str:
        random = Random(f"{seed}/arriving job/{arrival.number}")  # noqa: S311 - made-up records, no secrets
        courses = SmsCourses(random, failing_share)
        elsewhere = DataCentre(random, courses, defaults, first_number=_FIRST_NUMBER)
        job = _spread(elsewhere.accept(_request(random, arrival.number), arrival.begins_at))
        data_centres[arrival.number % len(data_centres)].take_over(job)
        return job.job_id

    def remove(job_id: str) -> None:
        for data_centre in data_centres:
            data_centre.remove(job_id)

    return Arrivals(start, RHYTHM, add, remove)


def _request(random: Random, number: int) -> JobRequest:
    recipients = [
        Recipient(dst=f"+49176{random.randrange(10**7, 10**8)}", customer_ref=f"RECIREF.{place + 1:03d}")
        for place in range(RECIPIENTS)
    ]
    return JobRequest(
        options=Options(
            status_requested=True, customer_ref=f"JOBREF.A{number + 1:06d}", validity_min=_VALIDITY_MINUTES
        ),
        messages=[Message(text="Your parcel is on its way.", recipients=recipients)],
    )


def _spread(job: SmsJob) -> SmsJob:
    """The job as a provider works it off that takes one SMS after the other."""
    recipients = [_later(recipient, place * APART_SECONDS) for place, recipient in enumerate(job.recipients)]
    return replace(job, recipients=tuple(recipients))


def _later(recipient: SmsRecipient, seconds: float) -> SmsRecipient:
    delay = timedelta(seconds=seconds)
    return replace(
        recipient,
        scheduled_at=recipient.scheduled_at + delay,
        running_at=recipient.running_at + delay,
        finished_at=recipient.finished_at + delay,
    )
