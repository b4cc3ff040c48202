"""The jobs that the simulated SMS service starts with; the same for the same seed and start."""

from datetime import datetime, timedelta
from random import Random

from gateway.sandbox.sms.data_centre import DataCentre
from gateway.sandbox.sms.request import JobRequest, Message, Options, Recipient

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
    """Give the data centres in turn 60 jobs of the last 80 days, 36 of them of the last 30; the newest are open.

    Args:
        data_centres: Where the jobs land.
        now: When the simulators start.
        random: Decides everything.
    """
    ages = [
        *(random.uniform(_RECENT_DAYS + 2, _OLDER_DAYS) * 86_400 for _ in range(_OLDER_JOBS)),
        *(random.uniform(0.1, _RECENT_DAYS) * 86_400 for _ in range(_RECENT_JOBS)),
        *(random.uniform(0, 2) for _ in range(_OPEN_JOBS)),
    ]
    for place, age in enumerate(sorted(ages, reverse=True)):
        request = _request(random, place)
        data_centres[place % len(data_centres)].accept(request, now - timedelta(seconds=age))


def _request(random: Random, place: int) -> JobRequest:
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
