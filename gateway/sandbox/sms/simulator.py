"""The SMS service simulated: two data centres that know only their own jobs, and the host that jobs are posted to.

It starts with the same jobs for the same seed and start.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from random import Random
from typing import Literal

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.arrivals import Arrivals
from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.simulator import Simulator
from gateway.sandbox.sms.arrivals import job_arrivals
from gateway.sandbox.sms.courses import SmsCourses
from gateway.sandbox.sms.data_centre import VERSION, DataCentre, JobDefaults, job_report, recipient_report
from gateway.sandbox.sms.gate import Gate, RequestWindow
from gateway.sandbox.sms.jobs_query import jobs_query
from gateway.sandbox.sms.records import SmsJob
from gateway.sandbox.sms.request import JobRequest, Message, Options, Recipient, SmsRefusalError, canonical, job_request

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


_BASE_PATH = "/rest/v1"
_DUPLICATE_WINDOW = timedelta(minutes=10)
_ERROR_IN_200 = b'{"message":"Internal error.","code":500}'


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsOptions:
    """How the simulated SMS service behaves where its document leaves it open; a value.

    Attributes:
        username: The one login.
        password: Its password.
        source: The sender that the login has set for jobs without one.
        max_requests_per_10_seconds: More are answered 429, by each host on its own; None for no limit.
        limit_reads: Whether reads count and are refused too; the document lists 429 for posting alone.
        retry_after_seconds: Sent with a 429; None sends none.
        created_status: The document lists both.
        unknown_job_status: For a job that a data centre does not know; the document lists only 500.
        unknown_recipients: What GET /sms answers for such a job: "404" or an "empty" array.
        report_lag_seconds: How long after it was posted a job is not known yet.
        kept_days: After how many days a job is forgotten: three months.
        failing_share: The share of recipients, 0 to 1, that do not end well.
    """

    username: str = "sandbox-user"
    password: str = field(default="sandbox-password", repr=False)
    source: str = "sandbox"
    max_requests_per_10_seconds: int | None = None
    limit_reads: bool = True
    retry_after_seconds: int | None = None
    created_status: Literal[200, 201] = 201
    unknown_job_status: Literal[404, 500] = 404
    unknown_recipients: Literal["404", "empty"] = "404"
    report_lag_seconds: float = 0.0
    kept_days: int = 92
    failing_share: float = 0.1


_DEFAULTS = SmsOptions()


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsSimulators:
    """The three hosts of the simulated SMS service; live as long as their servers. Base path /rest/v1.

    Attributes:
        primary: A data centre.
        secondary: The other.
        send: Takes jobs only, and places them in the two in turn.
        data_centres: What the first two answer from.
        arrivals: Brings new jobs for as long as it is asked to catch up with the clock.
    """

    primary: Simulator
    secondary: Simulator
    send: Simulator
    data_centres: tuple[DataCentre, DataCentre]
    arrivals: Arrivals


def create_sms(
    clock: AdjustableClock,
    *,
    seed: int = 1,
    options: SmsOptions = _DEFAULTS,
    monotonic: Callable[[], float] = time.monotonic,
) -> SmsSimulators:
    """Build the simulated SMS service with its jobs.

    Args:
        clock: The time in the sandbox, by which recipients move and duplicates are forgotten.
        seed: The same seed and start give the same jobs and outcomes.
        options: Behaviour that the document leaves open.
        monotonic: The seconds in which the 10-second window of the request limit is measured.

    Returns:
        The three hosts, ready to be served.
    """
    random = Random(seed)  # noqa: S311 - planted records, no secrets
    courses = SmsCourses(random, options.failing_share)
    defaults = JobDefaults(
        source=options.source, report_lag_seconds=options.report_lag_seconds, kept_days=options.kept_days
    )
    primary = DataCentre(random, courses, defaults, first_number=1)
    secondary = DataCentre(random, courses, defaults, first_number=50_001)
    start = clock.now()
    seed_sms((primary, secondary), start, random)
    duplicates = _Duplicates()

    def simulator(name: str, *data_centres: DataCentre) -> Simulator:
        gate = _gate(clock, options, monotonic)
        posting = _Posting(data_centres, duplicates, options)
        routes = [_route("/jobs", gate.endpoint(posting.create), "POST")]
        if len(data_centres) == 1:
            routes += _Reading(data_centres[0], options).routes(gate)
        app = Starlette(routes=routes, exception_handlers={HTTPException: _unrouted})
        return Simulator(name, app, clock, error_in_200=_ERROR_IN_200)

    return SmsSimulators(
        primary=simulator("sms-primary", primary),
        secondary=simulator("sms-secondary", secondary),
        send=simulator("sms-send", primary, secondary),
        data_centres=(primary, secondary),
        arrivals=job_arrivals((primary, secondary), defaults, options.failing_share, seed, start),
    )


class _Duplicates:
    """Remembers jobs posted with duplicateDetection for 10 minutes; lives as long as the simulators, which share it."""

    def __init__(self) -> None:
        self._posted_at: dict[bytes, datetime] = {}

    def refuse_or_remember(self, body: bytes, now: datetime) -> None:
        self._posted_at = {
            known: posted_at for known, posted_at in self._posted_at.items() if now - posted_at < _DUPLICATE_WINDOW
        }
        request = canonical(body)
        if request in self._posted_at:
            raise SmsRefusalError(409)
        self._posted_at[request] = now


class _Posting:
    """Takes jobs in and places them in its data centres in turn; lives as long as a host."""

    def __init__(self, data_centres: tuple[DataCentre, ...], duplicates: _Duplicates, options: SmsOptions) -> None:
        self._turns = cycle(data_centres)
        self._duplicates = duplicates
        self._created_status = options.created_status

    def create(self, _request: Request, body: bytes, now: datetime) -> Response:
        posted = job_request(body)
        if posted.options.duplicate_detection:
            self._duplicates.refuse_or_remember(body, now)
        job = next(self._turns).accept(posted, now)
        return _json({"jobId": job.job_id}, self._created_status)


class _Reading:
    """Answers what is asked about the jobs of one data centre; lives as long as its host."""

    def __init__(self, data_centre: DataCentre, options: SmsOptions) -> None:
        self._data_centre = data_centre
        self._options = options

    def routes(self, gate: Gate) -> list[Route]:
        return [
            _route("/jobs", gate.endpoint(self._list)),
            _route("/jobs/", gate.endpoint(_refuse_no_id)),
            _route("/jobs/{job_id}", gate.endpoint(self._report)),
            _route("/sms", gate.endpoint(self._recipients)),
            _route("/version", gate.endpoint(_version)),
        ]

    def _list(self, request: Request, _body: bytes, now: datetime) -> Response:
        jobs = self._data_centre.jobs(jobs_query(request.query_params, now), now)
        return _json([{"jobId": job.job_id} for job in jobs])

    def _report(self, request: Request, _body: bytes, now: datetime) -> Response:
        job = self._data_centre.job(request.path_params["job_id"], now)
        if job is None:
            raise SmsRefusalError(self._options.unknown_job_status)
        return _json(job_report(job, now))

    def _recipients(self, request: Request, _body: bytes, now: datetime) -> Response:
        job_id = request.query_params.get("jobId")
        if not job_id:
            raise SmsRefusalError(400)
        job = self._data_centre.job(job_id, now)
        if job is None and self._options.unknown_recipients == "404":
            raise SmsRefusalError(404)
        return _json(_recipient_reports(job, now))


def _recipient_reports(job: SmsJob | None, now: datetime) -> list[dict[str, str]]:
    return [recipient_report(recipient, now) for recipient in job.recipients] if job else []


def _gate(clock: AdjustableClock, options: SmsOptions, monotonic: Callable[[], float]) -> Gate:
    return Gate(
        clock,
        RequestWindow(options.max_requests_per_10_seconds, monotonic),
        username=options.username,
        password=options.password,
        limit_reads=options.limit_reads,
        retry_after_seconds=options.retry_after_seconds,
    )


def _route(path: str, endpoint: Callable[[Request], object], method: str = "GET") -> Route:
    return Route(_BASE_PATH + path, endpoint, methods=[method])


def _refuse_no_id(_request: Request, _body: bytes, _now: datetime) -> Response:
    raise SmsRefusalError(400)


def _version(_request: Request, _body: bytes, _now: datetime) -> Response:
    return _json(VERSION)


async def _unrouted(_request: Request, unrouted: Exception) -> Response:
    return Response(status_code=unrouted.status_code if isinstance(unrouted, HTTPException) else 500)


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
