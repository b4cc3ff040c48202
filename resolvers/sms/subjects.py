"""The jobs that were sent about a record, which `sendSms` names in their reference.

Theory of operation
-------------------
The API lists jobs by time, as ids only, and no call finds one by its reference. So the account's latest jobs are looked
through, newest first: their ids by one call for each data centre, and the report of each. A search is made once for all
records of an operation that ask the same, and reports come from the cache, where those of finished jobs stay for long.

The window that is listed is the 30 days that one call may span. Where an answer is full, it may lack jobs, and no order
is documented: the window is halved, towards its end, until one answer holds it. A cursor leads on through the window,
and then into the time before it, as far as the vendor keeps jobs::

    |<---------------- KEPT ------------------>|
              [ window of the second page  ][ window of the first ]   <- until
"""

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from resolvers.connections import PageInfo, PageRequest, bad_cursor, cursor_at, place_at
from resolvers.context import Context
from resolvers.kinds.sms import JOB
from resolvers.later import Later
from resolvers.selection import OperationInfo
from resolvers.sms.job_lists import job_ids_of
from resolvers.sms.jobs import subject_of
from resolvers.sms.listing import CALENDAR_START, present
from resolvers.upstreams.fields import Zoned
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.records import SmsJob
from resolvers.upstreams.sms.requests import MAX_LIMIT, RESOLUTION, WINDOW, JobIdQuery

KEPT: Final = timedelta(days=92)
"""How long the vendor keeps jobs: 3 months."""

LIST: Final = "sms jobs by subject"


class SearchPlace(msgspec.Struct, frozen=True, array_like=True):
    """A place in a search.

    Args:
        list_name: Distinguishes the cursor from those of lists.
        began: The end of the whole search's time.
        until: The end of the window.
        index: How many of the window's jobs have been looked through.
        last: The last of them.
    """

    list_name: str
    began: Zoned
    until: Zoned
    index: int = 0
    last: str = ""


class Search(msgspec.Struct, frozen=True):
    """What a search has found. Lifetime: operation.

    Args:
        jobs: The jobs that it found by the global id of their subject.
        searched: How many jobs it looked through.
        behind: Where a further search goes on; None at the end.
        after: Whether it went on from a cursor.
    """

    jobs: dict[str, list[SmsJob]]
    searched: int
    behind: SearchPlace | None
    after: bool

    @property
    def page_info(self) -> PageInfo:
        """The position of the search."""
        end = None if self.behind is None else cursor_at(self.behind)
        return PageInfo(self.behind is not None, self.after, None, end)


class JobsAbout(msgspec.Struct, frozen=True):
    """The jobs about one record that a search has found. Lifetime: operation."""

    nodes: Sequence[SmsJob]
    searched: int
    page_info: PageInfo


def jobs_about(info: OperationInfo, subject: str, page: PageRequest) -> Awaitable[JobsAbout]:
    """Return the jobs about a record, found among the account's latest ones.

    Args:
        info: The field's.
        subject: The record's global id.
        page: How many jobs to look through, and where an earlier search ended.

    Raises:
        BadInput: The cursor is none of a search.
    """
    context = info.context
    context.account.require_read(UpstreamName.SMS)
    place = None if page.cursor is None else _place_at(page.cursor)
    # Once for all records of the operation: a page of them is answered by one search.
    search = context.loaders.once((LIST, page.size, page.cursor), lambda: _search(context, place, page.size))
    return Later(search, lambda found: JobsAbout(found.jobs.get(subject, []), found.searched, found.page_info))


def _place_at(cursor: str) -> SearchPlace:
    place = place_at(cursor, SearchPlace)
    if place.list_name != LIST or place.index < 0 or not timedelta() <= place.began - place.until < KEPT:
        raise bad_cursor()
    return place


async def _search(context: Context, place: SearchPlace | None, size: int) -> Search:
    if place is None:
        now = await present(context)
        at = SearchPlace(LIST, now, now)
    else:
        at = place
    from_time, job_ids = await _window(context, at)
    start = job_ids.index(at.last) + 1 if at.last in job_ids else at.index
    looked = job_ids[start : start + size]
    behind: SearchPlace | None = None
    if start + size < len(job_ids):
        behind = msgspec.structs.replace(at, index=start + size, last=looked[-1])
    elif from_time > _oldest(at.began):
        behind = SearchPlace(LIST, at.began, from_time)
    return Search(await _by_subject(context, looked), len(looked), behind, place is not None)


def _oldest(began: datetime) -> datetime:
    return began - min(KEPT, began - CALENDAR_START)


async def _window(context: Context, at: SearchPlace) -> tuple[datetime, list[str]]:
    """Return the begin of a window and its jobs, newest first: the longest window whose jobs are all listed."""
    until = at.until.astimezone(UTC)
    span = min(WINDOW, until - _oldest(at.began.astimezone(UTC)))
    while True:
        lists = await _lists(context, until - span, until)
        # The shortest is taken as it is: of more jobs at one time than one answer holds, no call shows the rest.
        if all(len(one) < MAX_LIMIT for one in lists) or span <= 2 * RESOLUTION:
            # By id, which begins with the time at which the job was taken.
            return until - span, sorted({job_id for one in lists for job_id in one if job_id is not None}, reverse=True)
        span /= 2


async def _lists(context: Context, from_time: datetime, to_time: datetime) -> Sequence[list[str | None]]:
    query = JobIdQuery(from_time, to_time, None, MAX_LIMIT)
    # All are begun before the first is awaited.
    lists = [job_ids_of(context, centre, query) for centre in range(context.account.sms.centres)]
    return [await one for one in lists]


async def _by_subject(context: Context, job_ids: Sequence[str]) -> dict[str, list[SmsJob]]:
    reports = [context.loaders.of(JOB).load(job_id) for job_id in job_ids]
    found: dict[str, list[SmsJob]] = {}
    for report in reports:
        job = await report
        subject = None if job is None else subject_of(job)
        if job is not None and subject is not None:
            found.setdefault(subject, []).append(job)
    return found
