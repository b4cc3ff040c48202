"""Windows of a list that its upstream serves in numbered pages, of the requested size or of its own.

Theory of operation
-------------------
Between two pages that a client reads, records are added and removed, and offsets move. A cursor therefore has a trail:
short marks of the ids of the last records before it. The window behind a cursor is found in these steps::

    1. read one page that is large enough for the records of the trail and the window
    2. the window begins behind the last record of the trail that is on that page
    3. none is: the same on the page before and on the page behind
    4. none is, or the upstream serves no page that large: the window begins at the old offset

An upstream may count its pages in another size than requested. Its answers show the size (`_Pages`), and pages are then
requested in that size.
"""

import base64
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar
from zlib import crc32

from resolvers.connections import Connection, offset_connection
from resolvers.errors import UpstreamBadAnswer
from resolvers.unreadable import as_nodes
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.names import UpstreamName

Record = TypeVar("Record")

MARKED: Final = 3
"""Records in a trail; where the last has left the list, the place is behind the one before it."""

_LENGTH: Final = 4
"""Characters of a mark."""
_NO_ID: Final = "." * _LENGTH


def mark_of(record_id: str | None) -> str:
    """Return the mark of a record: 24 bits, because a cursor holds several.

    Args:
        record_id: The upstream's own id; None where it is unknown, whose mark matches nothing.
    """
    if record_id is None:
        return _NO_ID
    return base64.urlsafe_b64encode((crc32(record_id.encode()) & 0xFFFFFF).to_bytes(3, "big")).decode()


class Trails(Generic[Record]):
    """Makes the trails of a page's records on demand; page lifetime.

    Args:
        before: The trail of the record before the page.
        records: The records of the page.
        id_of: Returns the upstream's own id of a record; None where it is unknown.
    """

    def __init__(self, before: str, records: Sequence[Record], id_of: Callable[[Record], str | None]) -> None:
        self._before = before
        self._records = records
        self._id_of = id_of
        self._marks: dict[int, str] = {}

    def to(self, number: int) -> str:
        """Return the trail of a record.

        Args:
            number: The index of the record on the page.
        """
        recent = "".join([self._mark(one) for one in range(max(0, number + 1 - MARKED), number + 1)])
        return (self._before + recent)[-MARKED * _LENGTH :]

    def _mark(self, number: int) -> str:
        mark = self._marks.get(number)
        if mark is None:
            mark = self._marks[number] = mark_of(self._id_of(self._records[number]))
        return mark


def find_behind(trail: str, ids: Sequence[str | None], expected: int) -> int | None:
    """Return the index right behind the last record of a trail that is found; None where none is.

    Args:
        trail: Marks, of which the last is of the record before the wanted place.
        ids: The ids of the records to search; None for an unknown id.
        expected: The index if nothing has changed; of several records with the same mark, the nearest counts.
    """
    steps = [trail[at : at + _LENGTH] for at in range(0, len(trail), _LENGTH)][-MARKED:]
    # Nearly always nothing has changed, and one mark is computed instead of all.
    if steps and 0 < expected <= len(ids) and mark_of(ids[expected - 1]) == steps[-1] != _NO_ID:
        return expected
    marks = [mark_of(one) for one in ids]
    for number, step in reversed(list(enumerate(steps))):
        found = [place + 1 for place, mark in enumerate(marks) if mark == step != _NO_ID]
        if found:
            nearest = min(found, key=lambda place: abs(place - expected))
            return _past_unknown(marks, nearest, steps[number + 1 :].count(_NO_ID))
    return None


def _past_unknown(marks: Sequence[str], place: int, most: int) -> int:
    """Return the index behind up to `most` records without ids, which were part of the trail there."""
    # Such a record has no mark of its own, so it is found only by its neighbour.
    while most > 0 and place < len(marks) and marks[place] == _NO_ID:
        place, most = place + 1, most - 1
    return place


Record_co = TypeVar("Record_co", covariant=True)

MAX_RESIZES: Final = 2
"""Changes of the page size in one window: to the upstream's own size, and once more if that changes meanwhile."""

LARGEST_PAGE: Final = 200
"""Records; the largest page that a document names (logistics: `per_page`), and the largest seen of similar APIs."""

ROOM: Final = 20
"""Records behind a place that are read with it where a page may be that large, so that a trail that moved is found."""


class NumberedPage(Protocol[Record_co]):
    """A page as the upstream served it."""

    @property
    def records(self) -> Sequence[Record_co]:
        """The records of the page."""
        ...

    @property
    def per_page(self) -> int | None:
        """The size of each page but the last; None where the upstream does not report it."""
        ...

    @property
    def total(self) -> int | None:
        """The number of records on all pages; None where the upstream does not report it."""
        ...


ReadPage = Callable[[int, int], Awaitable[NumberedPage[Record]]]
"""Reads a page by its number, from 1, and its size."""


@dataclass(frozen=True, slots=True)
class _Read(Generic[Record]):
    """A page and its position in the list; lifetime: one window.

    Args:
        size: The requested page size.
        first: Number of records before the page.
        records: The records of the page.
        end: The offset of the next page.
        more: Whether the page shows that there are records behind it.
        total: Length of the list; None where the upstream does not report it.
    """

    size: int
    first: int
    records: Sequence[Record]
    end: int
    more: bool
    total: int | None


@dataclass(slots=True)
class NumberedList(Generic[Record]):
    """A list in numbered pages; operation lifetime.

    Args:
        upstream: The upstream that serves the list.
        name: The name of the list in its cursors.
        read_page: Reads a page.
        id_of: Returns the upstream's own id of a record; None where it is unknown.
        caps: The largest page of each upstream that has shown it; account lifetime.
    """

    upstream: UpstreamName
    name: str
    read_page: ReadPage[Record]
    id_of: Callable[[Record], str | None]
    caps: MutableMapping[UpstreamName, int] = field(default_factory=dict)

    async def window(self, start: int, size: int, trail: str = "", *, look_further: bool = False) -> Connection[Record]:
        """Return the records from a place on, in one call where they are on one page.

        More calls are needed where the upstream serves smaller pages than requested, and one call is wasted each time
        that another page than the first shows a different page size.

        Args:
            start: Number of records before the window when its cursor was made.
            size: The window's size.
            trail: The trail of the record before the window; empty to begin at `start`.
            look_further: Whether the client selects `hasNextPage` of an upstream that reports no total.

        Raises:
            UpstreamBadAnswer: The page size changes at every call, or all pages are equal.
        """
        needed = size + look_further
        page_size = self._page_size(start, needed) if trail else None
        pages = _Pages(self, page_size or min(size if start else needed, self._largest), size)
        if trail:
            start = await _aligned(pages, start, trail, on_one_page=page_size is not None)
        records: list[Record] = []
        position, more, total = start, True, None
        while more and len(records) < needed:
            page = await pages.at(position)
            records += page.records[max(0, position - page.first) :]
            position, more, total = max(position, page.end), page.more, page.total
        return offset_connection(
            self.name,
            start,
            as_nodes(self.upstream, records[:size]),
            has_next_page=more or len(records) > size,
            total_count=total,
            trail_to=Trails(trail, records, self.own_id).to,
        )

    def own_id(self, record: Record) -> str | None:
        """Return the upstream's own id of a record, also of an unreadable one; None where it is unknown."""
        return record.own_id if isinstance(record, UnreadableRecord) else self.id_of(record)

    def _page_size(self, start: int, needed: int) -> int | None:
        """Return the smallest page size by which one page holds the trail and the window; None where none does."""
        first, largest = max(0, start - MARKED), self._largest
        # With room behind the place if possible, else just the window.
        for behind in (max(needed, ROOM), needed):
            last = start + behind - 1
            for size in range(last + 1 - first, largest + 1):
                if first // size == last // size:
                    return size
        return None

    @property
    def _largest(self) -> int:
        return self.caps.get(self.upstream, LARGEST_PAGE)


class _Pages(Generic[Record]):
    """Reads the pages of a list, each once; lifetime: one window.

    Args:
        listed: The list.
        size: The first page size to request.
        least: The window's size. A page that is shorter than requested and at least that long may be capped.
    """

    def __init__(self, listed: NumberedList[Record], size: int, least: int) -> None:
        self._list = listed
        self._size = size
        self._least = least
        self._resizes = 0
        self._pages: dict[int, _Read[Record]] = {}

    async def at(self, position: int) -> _Read[Record]:
        """Return the page with a place, or the last page where the list ends before the place.

        Raises:
            UpstreamBadAnswer: The page size changes at every call, or all pages are equal.
        """
        while True:
            number = position // self._size
            page = self._pages.get(number)
            if page is None or (position >= page.end and page.size != self._size):
                page = await self._read_page(number)
            if page is not None and (page.size == self._size or position < page.end or not page.more):
                return page

    def ids_on(self, page: _Read[Record]) -> list[str | None]:
        """Return the ids of a page's records."""
        return [self._list.own_id(record) for record in page.records]

    async def _read_page(self, number: int) -> _Read[Record] | None:
        """Read a page by its number, from 0; None where its number turns out to count in another page size."""
        asked = self._size
        page = await self._list.read_page(number + 1, asked)
        size = self._size_of(page, asked)
        if size != asked:
            self._resize(size, page.per_page)
            # The first page begins at 0 in any size.
            if number > 0:
                return None
        full = min(size, asked)
        end = number * asked + max(len(page.records), full)
        read = _Read(asked, number * asked, page.records, end, _goes_on(page, full, end), page.total)
        if self._repeats(number, read):
            read = _Read(asked, read.first, (), read.first, more=False, total=page.total)
        self._pages[number] = read
        return read

    def _size_of(self, page: NumberedPage[Record], asked: int) -> int:
        """Return the page size that the upstream counts in, as this page shows it."""
        # The reported size is ignored where the page itself is longer.
        count, reported = len(page.records), page.per_page
        if reported is not None and reported >= max(1, count):
            return reported
        return count if count > asked or (reported is None and self._least <= count < asked) else asked

    def _resize(self, size: int, reported: int | None) -> None:
        upstream = self._list.upstream
        self._resizes += 1
        if self._resizes > MAX_RESIZES:
            raise UpstreamBadAnswer(upstream, f"{upstream.name} gives pages of another size at every call.")
        # Only a size that the upstream reports is remembered; one inferred from a short page may be wrong.
        if reported == size < self._size:
            self._list.caps[upstream] = reported
        # Page numbers count in the page size, so pages of another size are useless.
        self._size = size
        self._pages.clear()

    def _repeats(self, number: int, page: _Read[Record]) -> bool:
        """Return whether the upstream repeats the page before, because it serves the whole list as every page.

        Raises:
            UpstreamBadAnswer: The page has the requested size, so that the list may go on out of reach.
        """
        before = self._pages.get(number - 1)
        if before is None or not page.records or len(page.records) != len(before.records):
            return False
        ids = self.ids_on(page)
        if ids != self.ids_on(before) or not any(ids):
            return False
        if not self._resizes:
            upstream = self._list.upstream
            raise UpstreamBadAnswer(upstream, f"{upstream.name} gives the same page whichever it is asked for.")
        return True


async def _aligned(pages: _Pages[Record], start: int, trail: str, *, on_one_page: bool) -> int:
    """Return the offset of the window: behind the last record of its trail that is found, else `start`."""
    page = await pages.at(max(0, start - 1) if on_one_page else start)
    found = find_behind(trail, pages.ids_on(page), start - page.first)
    if found is not None:
        return page.first + found
    before, behind = page.first - 1, page.end if page.more else -1
    for position in (before, behind) if on_one_page else ():
        neighbour = await pages.at(position) if position >= 0 else page
        found = find_behind(trail, pages.ids_on(neighbour), start - neighbour.first)
        if found is not None:
            return neighbour.first + found
    return start


def _goes_on(page: NumberedPage[Record], full: int, position: int) -> bool:
    """Return whether there are records behind a page."""
    if page.total is None:
        # A page that is not full is the last one (logistics document).
        return len(page.records) >= full
    return len(page.records) > 0 and position < page.total
