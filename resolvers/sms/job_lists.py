"""Reads the upstream's lists of job ids, by data centre and 30 days, as one list in which each job stands once.

Theory of operation. The upstream's lists (segments) are read one behind another, from the place that a cursor names:

    data centre 0:  [ 30 days ][ 30 days ][ 10 days ]   data centre 1:  [ 30 days ][ 30 days ][ 10 days ]
                          ^ segment 1, index 17

- Duplicates. Two windows share an instant, because no document says whether a list holds its last one; both list a job
  at it. Each data centre knows its own jobs only, but nothing forbids that both list one. So a job is left out where an
  earlier segment lists it: one that was read from beginning to end, or else one call for the ids that can be in both.
- Moves. Jobs are added, and leave a list of open ones. So a cursor holds an index and a trail, the last jobs before it:
  a part is read around the index, and the place is where the trail ends (`resolvers/trails.py`).
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from resolvers.connections import MAX_FIRST
from resolvers.context import Context
from resolvers.kinds.sms import JOB_IDS
from resolvers.trails import MARKED, find_behind
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.sms.requests import MAX_LIMIT, RESOLUTION, JobIdQuery

SEARCH_RADIUS: Final = 100
"""Jobs before and behind a place that are searched for it if it has moved."""


class Segment(msgspec.Struct, frozen=True):
    """One upstream list: a data centre and a span of at most 30 days."""

    centre: int
    from_time: datetime
    to_time: datetime


class ListedJob(NamedTuple):
    """A job and its place. Lifetime: operation.

    Args:
        segment: The number of its list.
        job_id: The upstream's own id; None if it could not be read.
        place: The number of jobs before it in that list.
    """

    segment: int
    job_id: str | None
    place: int


class _Part(msgspec.Struct, frozen=True):
    """Consecutive jobs of an upstream list, and a place among them.

    Args:
        first: The number of jobs before the part.
        place: The number of jobs of the part before the place.
        job_ids: The jobs; None for an id that could not be read.
        ended: Whether the list ends with it.
    """

    first: int
    place: int
    job_ids: list[str | None]
    ended: bool


class JobIds:
    """Reads the lists one behind another. Lifetime: operation.

    Args:
        context: The operation's.
        still_open: True for jobs still open, False for finished ones, None for both.
        segments: The lists in their order: by data centre, then by time.
    """

    def __init__(self, context: Context, segments: Sequence[Segment], *, still_open: bool | None) -> None:
        self._context = context
        self._still_open = still_open
        self._segments = segments
        # The ids of lists by their numbers: read from the beginning so far, and read to the end.
        self._begun: dict[int, list[str | None]] = {}
        self._whole: dict[int, list[str | None]] = {}
        self._full_centres: set[int] = set()

    async def read(self, number: int, index: int, trail: str, needed: int) -> list[ListedJob]:
        """Return `needed` jobs from a place on; fewer only at the end of all lists.

        Args:
            number: The segment's.
            index: The number of jobs before the place when its cursor was made.
            trail: Names the last jobs before it; if it is empty, `index` is taken as it is.
            needed: How many jobs to return.
        """
        found: list[ListedJob] = []
        listed: set[str] = set()
        answered: list[str | None] = []
        while len(found) < needed and number < len(self._segments):
            part = await self._from(number, index, trail, needed - len(found))
            # The same jobs twice end the list, because an upstream that ignores the offset would repeat them for ever.
            ended = part.ended or part.job_ids == answered
            self._note(number, part, ended=ended)
            behind = part.job_ids[part.place :]
            earlier = await self._listed_before(number) if number and behind else frozenset[str]()
            for at, job_id in enumerate(behind, part.first + part.place):
                if job_id is not None:
                    if job_id in listed or job_id in earlier or self._known_in_a_full_centre(number, job_id):
                        continue
                    listed.add(job_id)
                found.append(ListedJob(number, job_id, at))
            answered = [] if ended else part.job_ids
            number, index, trail = (number + 1, 0, "") if ended else (number, part.first + len(part.job_ids), "")
        return found[:needed]

    def _note(self, number: int, part: _Part, *, ended: bool) -> None:
        """Keep the ids of a list that was read from beginning to end, for the check of the lists behind it."""
        if part.first == 0:
            self._begun[number] = []
        if number in self._begun:
            self._begun[number] += part.job_ids
            if ended:
                self._whole[number] = self._begun.pop(number)

    async def _from(self, number: int, index: int, trail: str, limit: int) -> _Part:
        """Return a part of a list with a place in it, which is searched for if the list has changed."""
        # From the beginning if one answer holds it, because its ids then need no further call to check later lists.
        # Otherwise from the marked jobs before the place, because the trail is compared with them.
        first = 0 if index + limit <= MAX_LIMIT else index - MARKED
        asked = limit + index - first
        job_ids = await self._list(self._segments[number], first, asked)
        ended = len(job_ids) < asked
        behind = find_behind(trail, job_ids, index - first) if trail else index - first
        if behind is None and (first > 0 or not ended):
            around, wide = max(0, index - SEARCH_RADIUS), 2 * SEARCH_RADIUS + limit
            listed = await self._list(self._segments[number], around, wide)
            place = find_behind(trail, listed, index - around)
            if place is not None:
                return _Part(around, place, listed, len(listed) < wide)
        if behind is None:
            # None of the trail's jobs is left: if it named all jobs before the place, the place is the beginning.
            behind = (index if index > MARKED else 0) - first
        return _Part(first, behind, job_ids, ended)

    async def _listed_before(self, number: int) -> frozenset[str]:
        """Return the jobs of earlier lists that this one may list as well, as far as one call for each shows them."""
        segment = self._segments[number]
        found: set[str | None] = set()
        for earlier, other in enumerate(self._segments[:number]):
            same_window = other.from_time == segment.from_time
            if not same_window and (other.centre, other.to_time) != (segment.centre, segment.from_time):
                continue
            if earlier in self._whole:
                found.update(self._whole[earlier])
                continue
            # Of the window before, only the shared instant: no other job of it can be in this window.
            edge = Segment(segment.centre, segment.from_time - RESOLUTION, segment.from_time)
            listed = await self._list(other if same_window else edge, 0, MAX_LIMIT)
            found.update(listed)
            # A longer list is not read to its end; the jobs that this process has seen there must do.
            if same_window and len(listed) >= MAX_LIMIT:
                self._full_centres.add(other.centre)
        return frozenset(job_id for job_id in found if job_id is not None)

    def _known_in_a_full_centre(self, number: int, job_id: str) -> bool:
        """Return whether a job was seen in an earlier data centre whose list is longer than one answer."""
        centre = self._context.account.sms_places.centre_of(job_id) if self._full_centres else None
        return centre in self._full_centres and centre != self._segments[number].centre

    async def _list(self, segment: Segment, offset: int, limit: int) -> list[str | None]:
        query = JobIdQuery(segment.from_time, segment.to_time, self._still_open, limit, offset or None)
        return await job_ids_of(self._context, segment.centre, query)


def job_ids_of(context: Context, centre: int, query: JobIdQuery) -> "asyncio.Future[list[str | None]]":
    """Return a future of the ids that one call to a data centre lists; None for an id that could not be read."""
    account = context.account

    async def fetch(scope: CallScope) -> list[str | None]:
        job_ids = await account.sms.job_ids(scope, centre, query)
        for job_id in filter(None, job_ids):
            known = account.sms_places.centre_of(job_id)
            # The first of several that list it, because the later ones leave it out of the list.
            account.sms_places.remember(job_id, centre if known is None else min(known, centre))
        return job_ids

    return context.loaders.page(JOB_IDS, (centre, query), fetch)


def most_checks(number: int, index: int, windows: int, centres: int) -> int:
    """Return how many calls a page behind a cursor may need beyond its lists: to find its place and duplicates.

    Args:
        number: The segment in which the page begins.
        index: The number of jobs before it in that segment.
        windows: The number of segments of one data centre.
        centres: The number of data centres.
    """
    # The lists before the page's first are not read, nor is the beginning of the first if one answer cannot hold it.
    unread = number + (index + MAX_FIRST + 1 > MAX_LIMIT)
    checked = 0
    for one in range(number, windows * centres):
        same_window = range(one % windows, one, windows)
        edge = [one - 1] if one % windows else []
        checked += sum(earlier < unread for earlier in (*same_window, *edge))
    return 1 + checked
