"""The upstream's lists of job ids, by data centre and 30 days, read as one list in which each job stands once.

Two windows share an instant, since no document says whether a list holds its last one; a job at it is named by both.
Each data centre knows its own jobs alone, but nothing forbids that both name one. A cursor says how many jobs stand
before it, and names the last of them: jobs come, and leave a list of open ones, so that the place is looked for again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from resolvers.connections import MAX_FIRST
from resolvers.context import Context
from resolvers.kinds.sms import JOB_IDS
from resolvers.numbered_pages import MARKED, find_behind
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.sms.requests import JobIdQuery

MAX_LIMIT: Final = 1000
"""Ids in one answer, documented."""

LOOKED_AROUND: Final = 100
"""Jobs before and behind a place among which it is looked for where it has moved."""

RESOLUTION: Final = timedelta(milliseconds=1)
"""Of the vendor's timestamps."""


class Segment(msgspec.Struct, frozen=True):
    """One upstream list: a data centre and a span of at most 30 days."""

    centre: int
    from_time: datetime
    to_time: datetime


class ListedJob(NamedTuple):
    """A job and where it stands; operation lifetime.

    Args:
        segment: The number of its list.
        job_id: The upstream's own; None where it could not be read.
        place: How many jobs stand before it there.
    """

    segment: int
    job_id: str | None
    place: int


class _Part(msgspec.Struct, frozen=True):
    """Some jobs of an upstream list one behind another, and a place among them; lives while it is looked through.

    Args:
        first: How many jobs stand before the part.
        place: How many of it stand before the place.
        job_ids: The part; None for one that could not be read.
        ended: Whether the list ends with it.
    """

    first: int
    place: int
    job_ids: list[str | None]
    ended: bool


class JobIds:
    """Reads the lists one behind another; operation lifetime.

    Args:
        context: The operation's.
        still_open: True for jobs still open, False for finished ones, None for both.
        segments: The lists in their order: by data centre, then by time.
    """

    def __init__(self, context: Context, segments: Sequence[Segment], *, still_open: bool | None) -> None:
        self._context = context
        self._still_open = still_open
        self._segments = segments
        self._begun: dict[int, list[str | None]] = {}
        self._whole: dict[int, list[str | None]] = {}
        self._full_centres: set[int] = set()

    async def read(self, number: int, index: int, trail: str, needed: int) -> list[ListedJob]:
        """Jobs from a place on; fewer only at the end of all lists.

        Args:
            number: The segment's.
            index: How many jobs stood before the place there.
            trail: Of the last jobs before it; empty counts.
            needed: How many.
        """
        found: list[ListedJob] = []
        listed: set[str] = set()
        answered: list[str | None] = []
        while len(found) < needed and number < len(self._segments):
            part = await self._from(number, index, trail, needed - len(found))
            # An upstream that passes over the offset names the same jobs for ever.
            ended = part.ended or part.job_ids == answered
            self._note(number, part, ended=ended)
            behind = part.job_ids[part.place :]
            named = await self._named_before(number) if number and behind else frozenset[str]()
            for at, job_id in enumerate(behind, part.first + part.place):
                if job_id is not None:
                    if job_id in listed or job_id in named or self._known_in_a_full_centre(number, job_id):
                        continue
                    listed.add(job_id)
                found.append(ListedJob(number, job_id, at))
            answered = [] if ended else part.job_ids
            number, index, trail = (number + 1, 0, "") if ended else (number, part.first + len(part.job_ids), "")
        return found[:needed]

    def _note(self, number: int, part: "_Part", *, ended: bool) -> None:
        """Keep what a list names where it is read from its beginning to its end: it need not be asked for again."""
        if part.first == 0:
            self._begun[number] = []
        if number in self._begun:
            self._begun[number] += part.job_ids
            if ended:
                self._whole[number] = self._begun.pop(number)

    async def _from(self, number: int, index: int, trail: str, limit: int) -> "_Part":
        """A part of a list with a place in it, found again where the list has changed."""
        # From the beginning while one answer holds it: what the list has named is then known to the lists behind it.
        first = 0 if index + limit <= MAX_LIMIT else index - MARKED
        asked = limit + index - first
        job_ids = await self._list(self._segments[number], first, asked)
        ended = len(job_ids) < asked
        behind = find_behind(trail, job_ids, index - first) if trail else index - first
        if behind is None and (first > 0 or not ended):
            around, wide = max(0, index - LOOKED_AROUND), 2 * LOOKED_AROUND + limit
            listed = await self._list(self._segments[number], around, wide)
            place = find_behind(trail, listed, index - around)
            if place is not None:
                return _Part(around, place, listed, len(listed) < wide)
        if behind is None:
            # Where the trail named all jobs before the place and none is left, the place is the beginning.
            behind = (index if index > MARKED else 0) - first
        return _Part(first, behind, job_ids, ended)

    async def _named_before(self, number: int) -> frozenset[str]:
        """The jobs that earlier lists name and this one may name as well, as far as one call for each tells."""
        segment = self._segments[number]
        named: set[str | None] = set()
        for earlier, other in enumerate(self._segments[:number]):
            same_window = other.from_time == segment.from_time
            if not same_window and (other.centre, other.to_time) != (segment.centre, segment.from_time):
                continue
            if earlier in self._whole:
                named.update(self._whole[earlier])
                continue
            edge = Segment(segment.centre, segment.from_time - RESOLUTION, segment.from_time)
            listed = await self._list(other if same_window else edge, 0, MAX_LIMIT)
            named.update(listed)
            if same_window and len(listed) >= MAX_LIMIT:
                self._full_centres.add(other.centre)
        return frozenset(job_id for job_id in named if job_id is not None)

    def _known_in_a_full_centre(self, number: int, job_id: str) -> bool:
        """Whether a job was seen in an earlier data centre that has more jobs than one answer holds."""
        centre = self._context.account.sms_places.centre_of(job_id) if self._full_centres else None
        return centre in self._full_centres and centre != self._segments[number].centre

    async def _list(self, segment: Segment, offset: int, limit: int) -> list[str | None]:
        query = JobIdQuery(segment.from_time, segment.to_time, self._still_open, limit, offset or None)
        account = self._context.account

        async def ask(scope: CallScope) -> list[str | None]:
            job_ids = await account.sms.job_ids(scope, segment.centre, query)
            for job_id in filter(None, job_ids):
                known = account.sms_places.centre_of(job_id)
                account.sms_places.remember(job_id, segment.centre if known is None else min(known, segment.centre))
            return job_ids

        return await self._context.loaders.page(JOB_IDS, (segment.centre, query), ask)


def most_checks(number: int, index: int, windows: int, centres: int) -> int:
    """How many calls more than its lists a page behind a cursor may need: to find its place, and what was named before.

    Args:
        number: Of the segment in which it begins.
        index: How many jobs stand before it there.
        windows: Of one data centre.
        centres: How many there are.
    """
    unread = number + (index + MAX_FIRST + 1 > MAX_LIMIT)
    checked = 0
    for one in range(number, windows * centres):
        same_window = range(one % windows, one, windows)
        edge = [one - 1] if one % windows else []
        checked += sum(earlier < unread for earlier in (*same_window, *edge))
    return 1 + checked
