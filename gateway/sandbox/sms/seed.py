"""SMS jobs that the sandbox starts with and that arrive while it runs; the same for the same seed and start."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from gateway.sandbox.generated_records import Arrival, Arrivals, Rhythm, seeded_random
from gateway.sandbox.sms.data_centre import DataCentre, JobDefaults
from gateway.sandbox.sms.records import SmsCourses, SmsJob, SmsRecipient
from gateway.sandbox.sms.requests import JobRequest, Message, Options, Recipient

RHYTHM: Final = Rhythm(every_seconds=300, ahead=0, kept=288)
"""Jobs of the last 24 hours of the clock are kept."""
RECIPIENTS: Final = 4
APART_SECONDS: Final = 150.0
"""Seconds between two recipients of a job, chosen so that a job is still open when the next one begins."""
_FIRST_NUMBER: Final = 90_001
_VALIDITY_MINUTES: Final = 5


_RECENT_JOBS, _RECENT_DAYS = 33, 29
_OLDER_JOBS, _OLDER_DAYS = 24, 80
_OPEN_JOBS = 3
_LARGE_JOB_EVERY = 20
_LARGE_JOB_RECIPIENTS = 120
_MOST_RECIPIENTS = 6
_TEXTS = (
    "Your parcel is on its way.",
    "Your release is live in all stores.",
    "Your appointment is tomorrow at 10:00.",
    "Your code is 482913.",
)
_BILLCODES = ("LOGISTICS", "RELEASES", "SUPPORT", None)


def seed_sms(data_centres: tuple[DataCentre, ...], now: datetime, random: Random) -> None:
    """Add 60 jobs of the last 80 days to the data centres in turn, 36 of them from the last 30; the newest are open.

    Args:
        data_centres: The data centres that get the jobs.
        now: When the simulators start.
        random: Decides every value.
    """
    ages = [
        # None of 29 to 31 days, so that the clock can run a day before the number of the last 30 days changes.
        *(random.uniform(_RECENT_DAYS + 2, _OLDER_DAYS) * 86_400 for _ in range(_OLDER_JOBS)),
        *(random.uniform(0.1, _RECENT_DAYS) * 86_400 for _ in range(_RECENT_JOBS)),
        *(random.uniform(0, 2) for _ in range(_OPEN_JOBS)),
    ]
    for place, age in enumerate(sorted(ages, reverse=True)):
        request = _past_request(random, place)
        data_centres[place % len(data_centres)].accept(request, now - timedelta(seconds=age))


def _past_request(random: Random, place: int) -> JobRequest:
    count = random.randint(1, _MOST_RECIPIENTS) if place % _LARGE_JOB_EVERY else _LARGE_JOB_RECIPIENTS
    return JobRequest(
        options=Options(
            encoding=random.choice(("STANDARD", "STANDARD", "UTF-16")),
            billcode=random.choice(_BILLCODES),
            status_requested=random.random() < 2 / 3,
            customer_ref=f"JOBREF.{place + 1:06d}",
            validity_min=random.choice((None, 5, 60, 720)),
            qos=random.choice(("NORMAL", "EXPRESS")),
        ),
        messages=[
            Message(
                text=random.choice(_TEXTS),
                recipients=[
                    Recipient(dst=f"+49176{random.randrange(10**7, 10**8)}", customer_ref=f"RECIREF.{number + 1:03d}")
                    for number in range(count)
                ],
            )
        ],
    )


def job_arrivals(
    data_centres: Sequence[DataCentre], defaults: JobDefaults, failing_share: float, seed: int, start: datetime
) -> Arrivals:
    """Return the arrivals that add new jobs to the data centres in turn and remove old ones.

    Args:
        data_centres: The data centres that get the jobs.
        defaults: The configuration of the login.
        failing_share: The share of recipients, 0 to 1, that do not end successfully.
        seed: The same seed and start give the same jobs, regardless of the requests of clients.
        start: When the simulators start.
    """

    def add(arrival: Arrival) -> str:
        random = seeded_random(seed, "arriving job", arrival.number)
        # A separate data centre builds the job, so that the jobs of clients do not change its random values.
        separate = DataCentre(random, SmsCourses(random, failing_share), defaults, first_number=_FIRST_NUMBER)
        job = _spread(separate.accept(_arriving_request(random, arrival.number), arrival.begins_at))
        data_centres[arrival.number % len(data_centres)].insert(job)
        return job.job_id

    def remove(job_id: str) -> None:
        for data_centre in data_centres:
            data_centre.remove(job_id)

    return Arrivals(start, RHYTHM, add, remove)


def _arriving_request(random: Random, number: int) -> JobRequest:
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
    """Delay each recipient, as for a provider that sends one SMS after the other."""
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
