"""The simulated SMS service: two data centres with separate jobs, and a third host that accepts jobs for both.

The same seed and start give the same jobs. Jobs that are posted to a data centre stay there; the third host places them
in the two in turn, and the reports must be read from the data centre that has the job.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from random import Random

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.generated_records import Arrivals
from gateway.sandbox.options import SmsOptions
from gateway.sandbox.simulator import Simulator
from gateway.sandbox.sms.access import AccessChecks, RequestWindow
from gateway.sandbox.sms.data_centre import VERSION, DataCentre, JobDefaults, job_report, recipient_report
from gateway.sandbox.sms.records import SmsCourses, SmsJob
from gateway.sandbox.sms.requests import (
    SmsRefusalError,
    canonical,
    job_request,
    jobs_query,
)
from gateway.sandbox.sms.seed import job_arrivals, seed_sms

_BASE_PATH = "/rest/v1"
_DUPLICATE_WINDOW = timedelta(minutes=10)
_ERROR_IN_200 = b'{"message":"Internal error.","code":500}'
_DEFAULTS = SmsOptions()


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsSimulators:
    """The three hosts of the simulated SMS service; server lifetime. Base path /rest/v1.

    Attributes:
        primary: The first data centre.
        secondary: The second data centre.
        send: Accepts jobs only, and places them in the two in turn.
        data_centres: The jobs of `primary` and `secondary`.
        arrivals: Adds new jobs on each `catch_up`.
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
    """Create the simulated SMS service with its jobs.

    Args:
        clock: The sandbox's clock, by which recipients progress and duplicates expire.
        seed: The same seed and start give the same jobs and outcomes.
        options: Behaviour that the document leaves open.
        monotonic: Returns the time in seconds for the 10-second window of the request limit.

    Returns:
        The three hosts; serve the `app` of each.
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
    # One for all hosts: the scope of the window is undocumented, and the third host may choose either data centre.
    duplicates = _Duplicates()

    def simulator(name: str, *data_centres: DataCentre) -> Simulator:
        checks = _access_checks(clock, options, monotonic)
        posting = _Posting(data_centres, duplicates, options)
        routes = [_route("/jobs", checks.endpoint(posting.create), "POST")]
        # The vendor's third host is for sending only.
        if len(data_centres) == 1:
            routes += _Reading(data_centres[0], options).routes(checks)
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
    """Remembers jobs posted with duplicateDetection for 10 minutes; shared by the hosts, simulator lifetime."""

    def __init__(self) -> None:
        self._posted_at: dict[bytes, datetime] = {}

    def refuse_or_remember(self, body: bytes, now: datetime) -> None:
        self._posted_at = {
            known: posted_at for known, posted_at in self._posted_at.items() if now - posted_at < _DUPLICATE_WINDOW
        }
        # Whether whitespace or the order of keys counts is undocumented; equal JSON is assumed to be the same job.
        request = canonical(body)
        if request in self._posted_at:
            raise SmsRefusalError(409)
        self._posted_at[request] = now


class _Posting:
    """Accepts jobs and places them in its data centres in turn; host lifetime."""

    def __init__(self, data_centres: tuple[DataCentre, ...], duplicates: _Duplicates, options: SmsOptions) -> None:
        # The vendor balances the third host by DNS; turns are reproducible.
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
    """Answers reads about the jobs of one data centre; host lifetime."""

    def __init__(self, data_centre: DataCentre, options: SmsOptions) -> None:
        self._data_centre = data_centre
        self._options = options

    def routes(self, checks: AccessChecks) -> list[Route]:
        return [
            _route("/jobs", checks.endpoint(self._list)),
            # Only this path can mean the document's 400 "No job-id given".
            _route("/jobs/", checks.endpoint(_refuse_no_id)),
            _route("/jobs/{job_id}", checks.endpoint(self._report)),
            _route("/sms", checks.endpoint(self._recipients)),
            _route("/version", checks.endpoint(_version)),
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
        # Undocumented; 400 as where a report is asked for without an id.
        if not job_id:
            raise SmsRefusalError(400)
        job = self._data_centre.job(job_id, now)
        if job is None and self._options.unknown_recipients == "404":
            raise SmsRefusalError(404)
        return _json(_recipient_reports(job, now))


def _recipient_reports(job: SmsJob | None, now: datetime) -> list[dict[str, str]]:
    return [recipient_report(recipient, now) for recipient in job.recipients] if job else []


def _access_checks(clock: AdjustableClock, options: SmsOptions, monotonic: Callable[[], float]) -> AccessChecks:
    return AccessChecks(
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
