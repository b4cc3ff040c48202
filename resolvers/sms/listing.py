"""The list of SMS jobs: one list to the client, several upstream, by data centre and by windows of 30 days."""

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from resolvers.connections import Connection, bad_cursor, check_first, name_under, place_at
from resolvers.context import Context
from resolvers.errors import BadInput, UpstreamBadAnswer
from resolvers.kinds.sms import JOB, PRESENT, RECIPIENTS
from resolvers.later import Later, failed
from resolvers.loading.record_loaders import RecordLoaders
from resolvers.numbered_pages import Trails
from resolvers.selection import OperationInfo, selected_below
from resolvers.sms.job_lists import JobIds, Segment
from resolvers.sms.jobs import NEEDS_NO_REPORT, needs_recipients
from resolvers.sms.unread_jobs import UnreadJob
from resolvers.unreadable import bad_answer
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.records import JobReference, SmsJob

WINDOW: Final = timedelta(days=30)
"""The longest span of one upstream list, documented."""

MAX_SPAN: Final = timedelta(days=366)
"""Of one list to the client; the upstream keeps 3 months, and each 30 days more cost calls for nothing."""

CALENDAR_START: Final = datetime.min.replace(tzinfo=UTC)

Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


class JobWindow(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which jobs to list; None leaves a bound to the gateway: the last 30 days, open and finished ones."""

    from_time: datetime | None = None
    to_time: datetime | None = None
    open: bool | None = None


class JobPlace(msgspec.Struct, frozen=True, array_like=True):
    """A place in the list: it pins the window, so that `the last 30 days` do not move between two pages.

    Args:
        list_name: Keeps a cursor of another window from being taken for one of this.
        from_time: The whole list's first instant.
        to_time: The whole list's last instant.
        segment: Which upstream list.
        index: How many jobs stand before it there.
        trail: Names the job itself and some before it; see `Trails`.
    """

    list_name: str
    from_time: Zoned
    to_time: Zoned
    segment: int
    index: int
    trail: str = ""


LIST: Final = "sms jobs"


async def jobs(
    info: OperationInfo, window: JobWindow, first: int, after: str | None
) -> Connection[Awaitable[SmsJob | UnreadJob]] | Connection[JobReference]:
    """A page of jobs; their reports are loaded where the selection needs them, their recipients at the same time.

    Raises:
        BadInput: an argument is out of bounds, or the cursor belongs to another list.
    """
    info.context.account.require_read(UpstreamName.SMS)
    size = check_first(first)
    start = await _start(info.context, window, after)
    segments = _segments(start.from_time, start.to_time, info.context.account.sms.centres)
    if not 0 <= start.segment < len(segments):
        raise bad_cursor()
    needed = size + ("hasNextPage" in selected_below(info, "pageInfo"))
    lists = JobIds(info.context, segments, still_open=window.open)
    found = await lists.read(start.segment, start.index, start.trail, needed)
    job_ids = [one.job_id for one in found[:size]]
    trails = Trails(start.trail, job_ids, _same_id)

    def place_of(number: int) -> JobPlace:
        job = found[number]
        return msgspec.structs.replace(start, segment=job.segment, index=job.place, trail=trails.to(number))

    return Connection(_nodes(info, job_ids), place_of, len(found) > size, after is not None)


async def _start(context: Context, window: JobWindow, after: str | None) -> JobPlace:
    list_name = _list_name(window)
    if after is None:
        to_time = window.to_time or await _present(context)
        from_time = window.from_time or to_time - min(WINDOW, to_time - CALENDAR_START)
        _check_span(from_time, to_time)
        return JobPlace(list_name, from_time.astimezone(UTC), to_time.astimezone(UTC), 0, 0)
    place = place_at(after, JobPlace)
    if place.list_name != list_name or place.index < 0:
        raise bad_cursor()
    _check_span(place.from_time, place.to_time)
    return msgspec.structs.replace(place, index=place.index + 1)


def _list_name(window: JobWindow) -> str:
    """The same whatever offsets the times are given in."""
    return name_under(LIST, JobWindow(_in_utc(window.from_time), _in_utc(window.to_time), window.open))


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


async def _present(context: Context) -> datetime:
    """The instant at which lists end that name none: the same for a while, so that they are the same list.

    It is rounded up to a second, and forgotten with the lists of jobs.
    """

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
    """The primary data centre's windows first, the oldest first, as the upstream orders jobs."""
    windows, start = [], from_time
    while start < to_time:
        # Added only where it fits: the calendar ends in 9999.
        end = start + WINDOW if to_time - start > WINDOW else to_time
        windows.append((start, end))
        start = end
    return [Segment(centre, *window) for centre in range(centres) for window in windows]


def _same_id(job_id: str | None) -> str | None:
    return job_id


def _nodes(info: OperationInfo, job_ids: Sequence[str | None]) -> Sequence[Any]:
    """The jobs as far as the selection needs them; one whose id could not be read fails when it is awaited."""
    read = [job_id for job_id in job_ids if job_id is not None]
    known = _known_jobs(info, read)
    if len(read) == len(job_ids):
        return known
    nameless = bad_answer(UpstreamName.SMS, UnreadableRecord(None, "it has no id"))
    rest = iter(known)
    return [failed(nameless) if job_id is None else next(rest) for job_id in job_ids]


def _known_jobs(info: OperationInfo, job_ids: Sequence[str]) -> Sequence[Any]:
    """The jobs by id alone, or as reports to come."""
    selected = selected_below(info, "nodes") | selected_below(info, "edges", "node")
    if selected <= NEEDS_NO_REPORT:
        return [JobReference(job_id) for job_id in job_ids]
    loaders = info.context.loaders
    if needs_recipients(selected):
        for job_id in job_ids:
            loaders.of(RECIPIENTS).load(job_id)
    return [_node(loaders, job_id) for job_id in job_ids]


def _node(loaders: RecordLoaders, job_id: str) -> Awaitable[SmsJob | UnreadJob]:
    """A job as its report says, or as much as the list knows of it."""
    return Later(loaders.of(JOB).load(job_id), partial(_reported, job_id), partial(UnreadJob, job_id))


def _reported(job_id: str, job: SmsJob | None) -> SmsJob | UnreadJob:
    if job is not None:
        return job
    return UnreadJob(job_id, UpstreamBadAnswer(UpstreamName.SMS, f"SMS lists job {job_id} and has no report of it."))
