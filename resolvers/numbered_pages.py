"""Windows of a list that its upstream serves in numbered pages, counted in whatever size the upstream likes.

Theory of operation
-------------------
Between two pages that a client reads, records are added and removed, and the count of a place moves. A cursor therefore
names the last records before it by short marks of their ids, its trail. The page behind a cursor is read with those
records on it, by one call of a page large enough, and begins behind the last of them that is still there; where there
is none, the pages before and behind are looked at. Where that fails, or the upstream serves no page that large, the
place is counted, as if nothing had changed.
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
"""Records named by a cursor: where the last has left the list as well, the place is behind the one before."""

_LENGTH: Final = 4
_NO_ID: Final = "." * _LENGTH


def mark_of(record_id: str | None) -> str:
    """24 bits that stand for a record; cursors hold several, so they are short.

    Args:
        record_id: The upstream's own; None where it is not known, which is never found again.
    """
    if record_id is None:
        return _NO_ID
    return base64.urlsafe_b64encode((crc32(record_id.encode()) & 0xFFFFFF).to_bytes(3, "big")).decode()


class Trails(Generic[Record]):
    """The trails that end with each record of a page, computed when first needed; page lifetime.

    Args:
        before: The trail that ends right before the page.
        records: The page's.
        id_of: The upstream's own id of a record; None where it is not known.
    """

    def __init__(self, before: str, records: Sequence[Record], id_of: Callable[[Record], str | None]) -> None:
        self._before = before
        self._records = records
        self._id_of = id_of
        self._marks: dict[int, str] = {}

    def to(self, number: int) -> str:
        """The trail that ends with a record.

        Args:
            number: The record's on the page, from 0.
        """
        recent = "".join([self._mark(one) for one in range(max(0, number + 1 - MARKED), number + 1)])
        return (self._before + recent)[-MARKED * _LENGTH :]

    def _mark(self, number: int) -> str:
        mark = self._marks.get(number)
        if mark is None:
            mark = self._marks[number] = mark_of(self._id_of(self._records[number]))
        return mark


def find_behind(trail: str, ids: Sequence[str | None], expected: int) -> int | None:
    """How many of the records stand before the place right behind a trail; None where nothing of it is there.

    Args:
        trail: Its last mark is that of the last record that was seen.
        ids: Those of the records to look through; None for one that is not known.
        expected: The answer if nothing has changed; of records with the same mark the one nearest to that counts.
    """
    steps = [trail[at : at + _LENGTH] for at in range(0, len(trail), _LENGTH)][-MARKED:]
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
    """The place behind records without ids that were seen there; such a record is found by its neighbour alone."""
    while most > 0 and place < len(marks) and marks[place] == _NO_ID:
        place, most = place + 1, most - 1
    return place


Record_co = TypeVar("Record_co", covariant=True)

MAX_RESIZES: Final = 2
"""One from the size asked for to the upstream's own, and one more if that changes meanwhile."""

LARGEST_PAGE: Final = 200
"""Records; the largest that a document names (logistics: per_page), and the largest seen of the other API's kin."""

ROOM: Final = 20
"""Records behind a place that are read with it where a page may be as large, so that its trail is found further on."""


class NumberedPage(Protocol[Record_co]):
    """A page as its upstream served it."""

    @property
    def records(self) -> Sequence[Record_co]:
        """What stands on it."""
        ...

    @property
    def per_page(self) -> int | None:
        """How many stand on each page but the last; None where the upstream does not say."""
        ...

    @property
    def total(self) -> int | None:
        """How many there are on all pages; None where the upstream does not say."""
        ...


ReadPage = Callable[[int, int], Awaitable[NumberedPage[Record]]]
"""Reads a page by its number, from 1, and its size."""


@dataclass(frozen=True, slots=True)
class _Read(Generic[Record]):
    """A page and its place in the list; lives one window.

    Args:
        size: The page size that was asked for.
        first: How many records stand before it.
        records: What stands on it.
        end: Where the next page begins.
        more: Whether there is more behind it, as far as it tells.
        total: How many there are in all; None where the upstream does not say.
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
        upstream: Whose list it is.
        name: Marks the cursors of this list.
        read_page: Reads the list.
        id_of: The upstream's own id of a record; None where it is not known.
        caps: By upstream, the largest page that it serves, where it has told that; outlives the operation.
    """

    upstream: UpstreamName
    name: str
    read_page: ReadPage[Record]
    id_of: Callable[[Record], str | None]
    caps: MutableMapping[UpstreamName, int] = field(default_factory=dict)

    async def window(self, start: int, size: int, trail: str = "", *, look_further: bool = False) -> Connection[Record]:
        """The records from a place on, in one call where they stand on one page.

        An upstream that counts its pages in another size than asked for is followed: into more calls where it is
        smaller, and a call is lost for each time that it shows so on another page than the first.

        Args:
            start: How many records stood before the window.
            size: The window's size.
            trail: Of the last records before the window, to find its place by; where it is empty the place is counted.
            look_further: Whether somebody wants to know if there is more behind the window, of an upstream that tells
                no total.

        Raises:
            UpstreamBadAnswer: the pages change their size all the time, or are all the same, so that nobody can tell
                what stands where.
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
        """The upstream's own id of what stands in the list; None where it is not known."""
        return record.own_id if isinstance(record, UnreadableRecord) else self.id_of(record)

    def _page_size(self, start: int, needed: int) -> int | None:
        """The smallest size of which one page holds the window and the records that its trail names."""
        first, largest = max(0, start - MARKED), self._largest
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
    """The pages of a list, each read once; lives one window.

    Args:
        listed: What to read.
        size: The page size to begin with.
        least: The window's size: a shorter page than was asked for that is as large may be a capped one.
    """

    def __init__(self, listed: NumberedList[Record], size: int, least: int) -> None:
        self._list = listed
        self._size = size
        self._least = least
        self._resizes = 0
        self._read: dict[int, _Read[Record]] = {}

    async def at(self, position: int) -> _Read[Record]:
        """The page on which a place is, or where the list has ended before it.

        Raises:
            UpstreamBadAnswer: the pages change their size all the time, or are all the same.
        """
        while True:
            number = position // self._size
            page = self._read.get(number)
            if page is None or (position >= page.end and page.size != self._size):
                page = await self._ask(number)
            if page is not None and (page.size == self._size or position < page.end or not page.more):
                return page

    def ids_on(self, page: _Read[Record]) -> list[str | None]:
        """The ids of a page's records."""
        return [self._list.own_id(record) for record in page.records]

    async def _ask(self, number: int) -> _Read[Record] | None:
        """A page by its number, from 0; None where it turns out to be counted in another size."""
        asked = self._size
        page = await self._list.read_page(number + 1, asked)
        told = self._size_of(page, asked)
        if told != asked:
            self._resize(told, page.per_page)
            if number > 0:
                return None
        full = min(told, asked)
        end = number * asked + max(len(page.records), full)
        read = _Read(asked, number * asked, page.records, end, _goes_on(page, full, end), page.total)
        if self._repeats(number, read):
            read = _Read(asked, read.first, (), read.first, more=False, total=page.total)
        self._read[number] = read
        return read

    def _size_of(self, page: NumberedPage[Record], asked: int) -> int:
        """The size that the page's number counts in; one that the page itself exceeds is none."""
        count, told = len(page.records), page.per_page
        if told is not None and told >= max(1, count):
            return told
        return count if count > asked or (told is None and self._least <= count < asked) else asked

    def _resize(self, size: int, told: int | None) -> None:
        upstream = self._list.upstream
        self._resizes += 1
        if self._resizes > MAX_RESIZES:
            raise UpstreamBadAnswer(upstream, f"{upstream.name} gives pages of another size at every call.")
        if told == size < self._size:
            self._list.caps[upstream] = told
        self._size = size
        self._read.clear()

    def _repeats(self, number: int, page: _Read[Record]) -> bool:
        """Whether the upstream has given the page before once more: all that it has, whichever page it is asked for.

        Raises:
            UpstreamBadAnswer: it is as large as was asked for, so that there may be a rest, which cannot be reached.
        """
        before = self._read.get(number - 1)
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
    """Where the window begins now: behind the last record of its trail that is found, else where it was counted."""
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
    """Whether there is more behind a page (documents of the logistics API: a page that is not full is the last)."""
    if page.total is None:
        return len(page.records) >= full
    return len(page.records) > 0 and position < page.total
