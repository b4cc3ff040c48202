"""The list of SMS jobs, which is one list to the client and several upstream: by data centre and by 30 days.

`resolvers/sms/job_lists.py` reads the upstream's lists, of ids only. This module checks the window and the cursor, and
makes a node of each id: the id itself, a report to come, or an `UnreadJob` if the report fails.
"""

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from resolvers.connections import Connection, PageRequest, bad_cursor, name_under, place_at, turned
from resolvers.context import Context
from resolvers.errors import BadInput, GatewayError, UpstreamBadAnswer
from resolvers.ids import global_id
from resolvers.kinds.sms import JOB, PRESENT, RECIPIENTS
from resolvers.later import Later, failed
from resolvers.loading.loaders import RecordLoaders
from resolvers.selection import OperationInfo, selected_below
from resolvers.sms.job_lists import JobIds, Segment, job_ids_of
from resolvers.sms.jobs import NEEDS_NO_REPORT, needs_recipients
from resolvers.sms.ordered_jobs import JobKey, OrderedJobs, whole_list
from resolvers.trails import Trails
from resolvers.unreadable import bad_answer
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.fields import LARGEST_INT, Zoned
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.records import JobReference, SmsJob
from resolvers.upstreams.sms.requests import WINDOW

MAX_SPAN: Final = timedelta(days=366)
"""The longest span of one list to the client: the upstream keeps jobs for 3 months, and every 30 days cost a call."""

CALENDAR_START: Final = datetime.min.replace(tzinfo=UTC)


class JobWindow(msgspec.Struct, frozen=True, omit_defaults=True):
    """The jobs to list; if a bound is None, those of the last 30 days, open and finished ones."""

    from_time: datetime | None = None
    to_time: datetime | None = None
    open: bool | None = None


class JobPlace(msgspec.Struct, frozen=True, array_like=True):
    """A place in the list: it pins the window, so that `the last 30 days` do not move between two pages.

    Args:
        list_name: Distinguishes the cursors of one window from those of another.
        from_time: The whole list's first instant.
        to_time: The whole list's last instant.
        segment: The number of the upstream list that the job is in.
        index: The number of jobs before it in that list.
        trail: Names the job itself and some before it; see `Trails`.
    """

    list_name: str
    from_time: Zoned
    to_time: Zoned
    segment: int
    index: int
    trail: str = ""


LIST: Final = "sms jobs"


class _NullableReportField:
    """A nullable field that only the report has: the first that is read raises, the others are null."""

    def __get__(self, job: "UnreadJob | None", owner: type) -> Any:  # noqa: ANN401 - a field of any type
        return self if job is None else job.missing()


class _RequiredReportField:
    """A non-null field that only the report has: it always raises."""

    def __get__(self, job: "UnreadJob | None", owner: type) -> Any:  # noqa: ANN401 - a field of any type
        if job is None:
            return self
        raise job.error


class UnreadJob:
    """A listed job whose report could not be read: it has its id, and a field of the report raises the failure.

    One report that fails is one error in the response: of its nullable fields, only the first that is read raises.
    Lifetime: operation.

    Args:
        job_id: The upstream's own id.
        error: The failure of its report.
    """

    source = _NullableReportField()
    encoding = _NullableReportField()
    billcode = _NullableReportField()
    status_requested = _NullableReportField()
    flash = _NullableReportField()
    validity_minutes = _NullableReportField()
    customer_ref = _NullableReportField()
    qos = _NullableReportField()
    received_at = _NullableReportField()
    finished_at = _NullableReportField()
    progress = _RequiredReportField()
    final = _RequiredReportField()
    raw_status = _RequiredReportField()
    recipient_count = _RequiredReportField()

    __slots__ = ("_reported", "error", "job_id")

    def __init__(self, job_id: str, error: GatewayError) -> None:
        self.job_id = job_id
        self.error = error
        self._reported = False

    @property
    def id(self) -> str:
        """The global id."""
        return global_id("SmsJob", self.job_id)

    def missing(self) -> None:
        """Raise the failure of the report, the first time only."""
        if not self._reported:
            self._reported = True
            raise self.error


async def jobs(
    info: OperationInfo, window: JobWindow, request: PageRequest, *, newest_first: bool | None
) -> Connection[Awaitable[SmsJob | UnreadJob]] | Connection[JobReference]:
    """Return a page of jobs, with reports and recipients only if the selection needs them.

    Args:
        info: The query's.
        window: The jobs to list.
        request: The page.
        newest_first: Which end of the list comes first; None for the upstream's lists one behind another.

    Raises:
        BadInput: The window is out of bounds, the cursor belongs to another list, or the upstream's order is to be read
            backwards.
    """
    info.context.account.require_read(UpstreamName.SMS)
    if newest_first is not None:
        return await _ordered(info, window, request, newest_first=newest_first)
    if request.backwards:
        raise BadInput("SMS does not say where its lists end: pass `orderBy` with `last`.", path=["last"])
    size, after = request.size, request.cursor
    start = await _start(info.context, window, after)
    segments = _segments(start.from_time, start.to_time, info.context.account.sms.centres)
    if not 0 <= start.segment < len(segments):
        raise bad_cursor()
    # One more only if the client wants to know of it, because it may cost another call.
    needed = size + ("hasNextPage" in selected_below(info, "pageInfo"))
    lists = JobIds(info.context, segments, still_open=window.open)
    found = await lists.read(start.segment, start.index, start.trail, needed)
    job_ids = [one.job_id for one in found[:size]]
    trails = Trails(start.trail, job_ids, _same_id)

    def place_of(number: int) -> JobPlace:
        job = found[number]
        return msgspec.structs.replace(start, segment=job.segment, index=job.place, trail=trails.to(number))

    return Connection(_nodes(info, job_ids), place_of, len(found) > size, after is not None)


async def _ordered(
    info: OperationInfo, window: JobWindow, request: PageRequest, *, newest_first: bool
) -> Connection[Any]:
    list_name = _list_name(window, " newest first" if newest_first else " oldest first")
    place = None if request.cursor is None else place_at(request.cursor, JobKey, request.cursor_argument)
    if place is not None and not (place.list_name == list_name and place.spans_at_most(MAX_SPAN)):
        raise bad_cursor(request.cursor_argument)
    whole = place or whole_list(list_name, *await _bounds(info.context, window))
    descending = newest_first is not request.backwards
    list_ids, centres = partial(job_ids_of, info.context), info.context.account.sms.centres
    ordered = OrderedJobs(list_ids, centres, whole, still_open=window.open, descending=descending)
    needed = request.size + (request.unproven in selected_below(info, "pageInfo"))
    found, rest = await ordered.read(place, needed)
    page = Connection(
        _nodes(info, [one.job_id for one in found[: request.size]]),
        found.__getitem__,
        has_next_page=len(found) > request.size or rest is not None,
        has_previous_page=place is not None,
        end_place=rest if len(found) <= request.size else None,
    )
    return turned(page) if request.backwards else page


async def _bounds(context: Context, window: JobWindow) -> tuple[datetime, datetime]:
    to_time = window.to_time or await present(context)
    # No earlier than the calendar begins, for a `to` in its first 30 days.
    from_time = window.from_time or to_time - min(WINDOW, to_time - CALENDAR_START)
    _check_span(from_time, to_time)
    return from_time.astimezone(UTC), to_time.astimezone(UTC)


async def _start(context: Context, window: JobWindow, after: str | None) -> JobPlace:
    list_name = _list_name(window)
    if after is None:
        return JobPlace(list_name, *await _bounds(context, window), 0, 0)
    place = place_at(after, JobPlace)
    if place.list_name != list_name or not 0 <= place.index < LARGEST_INT:
        raise bad_cursor()
    # Once more, because clients can make cursors of their own, and each 30 days cost a call.
    _check_span(place.from_time, place.to_time)
    # Behind the job that the cursor names.
    return msgspec.structs.replace(place, index=place.index + 1)


def _list_name(window: JobWindow, order: str = "") -> str:
    # In UTC, because the same instant in another offset must not make another list.
    return name_under(f"{LIST}{order}", JobWindow(_in_utc(window.from_time), _in_utc(window.to_time), window.open))


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


async def present(context: Context) -> datetime:
    """Return the end of a list that names none: the present, rounded up to a second."""
    # Cached as the lists are and forgotten with them, because another end would make another list, read anew.

    async def now(_: CallScope) -> datetime:
        return (context.now() + timedelta(seconds=1, microseconds=-1)).replace(microsecond=0)

    return await context.loaders.page(PRESENT, (), now)


def _check_span(from_time: datetime, to_time: datetime) -> None:
    if from_time >= to_time:
        raise BadInput("`from` must be before `to`.", path=["from"])
    if to_time - from_time > MAX_SPAN:
        raise BadInput(
            f"The window must not be longer than {MAX_SPAN.days} days; the API keeps jobs for 3 months.", path=["from"]
        )


def _segments(from_time: datetime, to_time: datetime, centres: int) -> list[Segment]:
    """Return the upstream's lists in order: the primary data centre's first, and of each the oldest window first."""
    windows, start = [], from_time
    while start < to_time:
        # Added only if it fits, because the calendar ends in 9999.
        end = start + WINDOW if to_time - start > WINDOW else to_time
        windows.append((start, end))
        start = end
    return [Segment(centre, *window) for centre in range(centres) for window in windows]


def _same_id(job_id: str | None) -> str | None:
    return job_id


def _nodes(info: OperationInfo, job_ids: Sequence[str | None]) -> Sequence[Any]:
    """Return the jobs as far as the selection needs them; one whose id could not be read raises when it is awaited."""
    read = [job_id for job_id in job_ids if job_id is not None]
    known = _known_jobs(info, read)
    if len(read) == len(job_ids):
        return known
    nameless = bad_answer(UpstreamName.SMS, UnreadableRecord(None, "it has no id"))
    rest = iter(known)
    return [failed(nameless) if job_id is None else next(rest) for job_id in job_ids]


def _known_jobs(info: OperationInfo, job_ids: Sequence[str]) -> Sequence[Any]:
    """Return the jobs, as ids only or as reports to come."""
    selected = selected_below(info, "nodes") | selected_below(info, "edges", "node")
    if selected <= NEEDS_NO_REPORT:
        return [JobReference(job_id) for job_id in job_ids]
    loaders = info.context.loaders
    if needs_recipients(selected):
        # Begun here, so that their calls go out together with those for the reports.
        for job_id in job_ids:
            loaders.of(RECIPIENTS).load(job_id)
    return [_node(loaders, job_id) for job_id in job_ids]


def _node(loaders: RecordLoaders, job_id: str) -> Awaitable[SmsJob | UnreadJob]:
    """Return a job by its report, or an `UnreadJob` if that fails."""
    return Later(loaders.of(JOB).load(job_id), partial(_reported, job_id), partial(UnreadJob, job_id))


def _reported(job_id: str, job: SmsJob | None) -> SmsJob | UnreadJob:
    if job is not None:
        return job
    return UnreadJob(job_id, UpstreamBadAnswer(UpstreamName.SMS, f"SMS lists job {job_id} and has no report of it."))
