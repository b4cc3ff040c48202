"""Lists SMS jobs by time, those of all data centres in one order.

Theory of operation. A list of job ids says neither how long it is nor when its jobs were posted. So time is walked
through in slices from one end, each read whole from every data centre, and merged by the times that job ids begin with
(`J.20180924-131731.737-...`, vendor's document)::

    from |........|........|.....|..| to        NEWEST_FIRST walks from the right
                            ^ a slice whose list is full (1000 ids) is read again, an eighth as long

A cursor names the slice and the job, and the page behind it reads that slice again. Two slices share an instant,
because no document says whether a list holds its last one; a job of the slice before is left out.
"""

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.requests import MAX_LIMIT, RESOLUTION, WINDOW, JobIdQuery

FACTOR: Final = 8
"""By which a slice is shorter than one that was full, and longer than the one before it."""

FURTHER_SLICES: Final = 8
"""Slices of one page beyond one for each 30 days, because some are full; a page that takes more of them is shorter."""


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_TIME: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // RESOLUTION
LAST_TIME: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // RESOLUTION


ListIds = Callable[[int, JobIdQuery], Awaitable[list[str | None]]]
"""Lists the ids that one call to a data centre answers; None for an id that could not be read."""


class JobKey(msgspec.Struct, frozen=True, array_like=True):
    """A place in a list by time; times are milliseconds since 1970.

    Args:
        list_name: Distinguishes the cursors of one list from those of another.
        from_time: The whole list's first instant.
        to_time: The whole list's last instant.
        slice_from: The first instant of the slice that the job is in.
        slice_to: The last instant of the slice.
        job_id: The job; None for the edge of the slice at which it is entered.
    """

    list_name: str
    from_time: int
    to_time: int
    slice_from: int
    slice_to: int
    job_id: str | None = None

    def spans_at_most(self, longest: timedelta) -> bool:
        """Return whether the place is one of a list of some span, which clients can make of any numbers."""
        steps = (FIRST_TIME, self.from_time, self.slice_from, self.slice_to, self.to_time, LAST_TIME)
        return list(steps) == sorted(steps) and self.span <= longest

    @property
    def span(self) -> timedelta:
        """The span of the whole list."""
        return (self.to_time - self.from_time) * RESOLUTION


def whole_list(list_name: str, from_time: datetime, to_time: datetime) -> JobKey:
    """Return a place that has the list's name and its first and last instant."""
    first, last = (from_time - EPOCH) // RESOLUTION, -((EPOCH - to_time) // RESOLUTION)
    return JobKey(list_name, first, last, first, last)


def most_rounds(span: timedelta) -> int:
    """Return how many slices one page of a list of some span takes at most, each a call to every data centre."""
    return max(0, ceil(span / WINDOW)) + FURTHER_SLICES


class OrderedJobs:
    """Reads the jobs of a span of time in one direction. Lifetime: operation.

    Args:
        list_ids: Lists the ids that one call to a data centre answers.
        centres: Number of data centres.
        whole: A place that has the list's name and its first and last instant.
        still_open: True for jobs still open, False for finished ones, None for both.
        descending: Whether the newest job comes first.
    """

    def __init__(
        self, list_ids: ListIds, centres: int, whole: JobKey, *, still_open: bool | None, descending: bool
    ) -> None:
        self._list_ids = list_ids
        self._centres = centres
        self._whole = whole
        self._still_open = still_open
        self._descending = descending

    async def read(self, place: JobKey | None, needed: int) -> tuple[list[JobKey], JobKey | None]:
        """Return jobs from behind a place on, and where to go on if all slices were read and there may be more.

        Args:
            place: The place; None for the end of the list that the direction begins at.
            needed: How many jobs to return at most.

        Raises:
            UpstreamBadAnswer: More jobs than one list holds were posted at one time.
        """
        found: list[JobKey] = []
        earlier: frozenset[str] = frozenset()
        part = self._first() if place is None else msgspec.structs.replace(place, job_id=None)
        for _ in range(most_rounds(self._whole.span)):
            listed = await self._listed(part)
            if listed is None:
                part = self._shortened(part)
                continue
            found += self._behind(place, part, listed - earlier)
            if len(found) >= needed or self._is_last(part):
                return found[:needed], None
            earlier, part = listed, self._next(part)
        return found, part

    def _first(self) -> JobKey:
        span = min(WINDOW // RESOLUTION, self._whole.to_time - self._whole.from_time)
        return self._entered(self._whole.to_time if self._descending else self._whole.from_time, span)

    def _next(self, part: JobKey) -> JobKey:
        span = min(WINDOW // RESOLUTION, (part.slice_to - part.slice_from) * FACTOR)
        return self._entered(part.slice_from if self._descending else part.slice_to, span)

    def _shortened(self, part: JobKey) -> JobKey:
        span = (part.slice_to - part.slice_from) // FACTOR
        if span < 1:
            raise UpstreamBadAnswer(UpstreamName.SMS, f"SMS lists {MAX_LIMIT} jobs or more at one time.")
        return self._entered(part.slice_to if self._descending else part.slice_from, span)

    def _entered(self, edge: int, span: int) -> JobKey:
        """Return the slice of a span that is entered at an edge, within the whole."""
        first, last = (edge - span, edge) if self._descending else (edge, edge + span)
        return msgspec.structs.replace(
            self._whole, slice_from=max(first, self._whole.from_time), slice_to=min(last, self._whole.to_time)
        )

    def _is_last(self, part: JobKey) -> bool:
        if self._descending:
            return part.slice_from <= self._whole.from_time
        return part.slice_to >= self._whole.to_time

    async def _listed(self, part: JobKey) -> frozenset[str] | None:
        """Return the jobs of a slice in all data centres; None if a list is full, so that there may be more."""
        first, last = (EPOCH + time * RESOLUTION for time in (part.slice_from, part.slice_to))
        query = JobIdQuery(first, last, self._still_open, MAX_LIMIT)
        # Futures have begun together; each is awaited by itself, so that the first failure is the operation's.
        lists = [await one for one in [self._list_ids(centre, query) for centre in range(self._centres)]]
        if any(len(one) >= MAX_LIMIT for one in lists):
            return None
        return frozenset(job_id for one in lists for job_id in one if job_id is not None)

    def _behind(self, place: JobKey | None, part: JobKey, listed: Collection[str]) -> list[JobKey]:
        """Return the places of a slice's jobs in order, of the slice of the cursor those behind its job."""
        ids = sorted(listed, reverse=self._descending)
        if place is not None and place.job_id is not None and _within(part, place):
            behind, job_id = self._descending, place.job_id
            ids = [one for one in ids if (one < job_id if behind else one > job_id)]
        return [msgspec.structs.replace(part, job_id=one) for one in ids]


def _within(part: JobKey, whole: JobKey) -> bool:
    return whole.slice_from <= part.slice_from and part.slice_to <= whole.slice_to
