"""Reads the numbered pages of an upstream's list, in the requested size or in the upstream's own.

An upstream may count its pages in another size than requested. Its answers show the size, and pages are then requested
in that size.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.names import UpstreamName

Record = TypeVar("Record")
Record_co = TypeVar("Record_co", covariant=True)

MAX_RESIZES: Final = 2
"""Changes of the page size in one window: to the upstream's own size, and once more if that changes meanwhile."""

LARGEST_PAGE: Final = 200
"""Records; the largest page that a document names (logistics: `per_page`), and the largest seen of similar APIs."""


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
class PageSource(Generic[Record]):
    """How the pages of a list are read; operation lifetime.

    Args:
        upstream: The upstream that serves the list.
        read_page: Reads a page.
        own_id: Returns the upstream's own id of a record; None where it is unknown.
        caps: The largest page of each upstream that has shown it; account lifetime.
    """

    upstream: UpstreamName
    read_page: ReadPage[Record]
    own_id: Callable[[Record], str | None]
    caps: MutableMapping[UpstreamName, int]


@dataclass(frozen=True, slots=True)
class ServedPage(Generic[Record]):
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


class ServedPages(Generic[Record]):
    """Reads the pages of a list, each once; lifetime: one window.

    Args:
        listed: The list.
        size: The first page size to request.
        least: The window's size. A page that is shorter than requested and at least that long may be capped.
    """

    def __init__(self, listed: PageSource[Record], size: int, least: int) -> None:
        self._list = listed
        self._size = size
        self._least = least
        self._resizes = 0
        self._pages: dict[int, ServedPage[Record]] = {}

    async def at(self, position: int) -> ServedPage[Record]:
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

    def ids_on(self, page: ServedPage[Record]) -> list[str | None]:
        """Return the ids of a page's records."""
        return [self._list.own_id(record) for record in page.records]

    async def _read_page(self, number: int) -> ServedPage[Record] | None:
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
        read = ServedPage(asked, number * asked, page.records, end, _goes_on(page, full, end), page.total)
        if self._repeats(number, read):
            read = ServedPage(asked, read.first, (), read.first, more=False, total=page.total)
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

    def _repeats(self, number: int, page: ServedPage[Record]) -> bool:
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


def _goes_on(page: NumberedPage[Record], full: int, position: int) -> bool:
    """Return whether there are records behind a page."""
    if page.total is None:
        # A page that is not full is the last one (logistics document).
        return len(page.records) >= full
    return len(page.records) > 0 and position < page.total
