"""Windows of a list that its upstream serves in numbered pages, of the requested size or of its own.

Theory of operation
-------------------
Between two pages that a client reads, records are added and removed, and offsets move. A cursor therefore has a trail:
short marks of the ids of the last records before it. The window behind a cursor is found in these steps::

    1. read one page that is large enough for the records of the trail and the window
    2. the window begins behind the last record of the trail that is on that page
    3. none is: the same on the page before and on the page behind
    4. none is, or the upstream serves no page that large: the window begins at the old offset

A window that ends before a cursor is found the same way, by the record of the cursor itself and the trail before it.
The window at the end of a list needs the list's length, which the first page reports.

`resolvers/served_pages.py` reads the pages, in the size that the upstream counts them in.
"""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from resolvers.connections import Connection, Offset, PageRequest, turned
from resolvers.errors import UpstreamBadAnswer
from resolvers.served_pages import LARGEST_PAGE, PageSource, ReadPage, ServedPages
from resolvers.trails import LENGTH, MARKED, NO_ID, Trails, find_behind, mark_of
from resolvers.unreadable import as_nodes
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.names import UpstreamName

Record = TypeVar("Record")

ROOM: Final = 20
"""Records behind a place that are read with it where a page may be that large, so that a trail that moved is found."""


@dataclass(slots=True)
class NumberedList(Generic[Record]):
    """A list in numbered pages; operation lifetime.

    Args:
        upstream: The upstream that serves the list.
        name: The name of the list in its cursors.
        read_page: Reads a page.
        id_of: Returns the upstream's own id of a record; None where it is unknown.
        caps: The largest page of each upstream that has shown it; account lifetime.
        from_end: Whether places are counted from the end of the client's list, because it is read against its order.
    """

    upstream: UpstreamName
    name: str
    read_page: ReadPage[Record]
    id_of: Callable[[Record], str | None]
    caps: MutableMapping[UpstreamName, int] = field(default_factory=dict)
    from_end: bool = False

    async def page(
        self, request: PageRequest, place: Offset | None, *, against: bool = False, look_further: bool = False
    ) -> Connection[Record]:
        """Return a page in the client's order.

        Args:
            request: The page.
            place: The place of its cursor.
            against: Whether the client's order is the opposite of this list's.
            look_further: Whether the client asks if there is more where the page is read towards, and the upstream
                reports no total.

        Raises:
            UpstreamBadAnswer: As `window`, or the upstream does not report the total that the list's end takes.
        """
        index = None if place is None else max(place.index, -1 - place.index)
        trail = place.trail if place is not None else ""
        if request.backwards is against:
            found = await self.window(0 if index is None else index + 1, request.size, trail, look_further=look_further)
        elif index is None:
            found = await self.last_window(request.size)
        else:
            found = await self.window_before(index, request.size, trail)
        return turned(found) if against else found

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
        # With room behind the place if possible, else just the window.
        lasts = [start + behind - 1 for behind in (max(needed, ROOM), needed)]
        page_size = self._page_size(max(0, start - MARKED), lasts) if trail else None
        pages = self._pages(page_size or min(size if start else needed, self._largest), size)
        if trail:
            first = max(0, start - 1) if page_size else start
            start = await _behind(pages, start, trail, first, neighbours=page_size is not None) or start
        records: list[Record] = []
        position, more, total = start, True, None
        while more and len(records) < needed:
            page = await pages.at(position)
            records += page.records[max(0, position - page.first) :]
            position, more, total = max(position, page.end), page.more, page.total
        return self._connection(start, trail, records, size, more=more, total=total)

    async def window_before(self, end: int, size: int, trail: str) -> Connection[Record]:
        """Return the records before a place, in as many calls as `window`.

        Args:
            end: Number of records before the record at the place when its cursor was made.
            size: The window's size.
            trail: The trail of that record.

        Raises:
            UpstreamBadAnswer: The page size changes at every call, or all pages are equal.
        """
        page_size = self._page_size(max(0, end - size - MARKED), [end + ROOM, end])
        pages = self._pages(page_size or min(size, self._largest), size)
        # A record without an id is found by those before it only.
        own = trail if trail.endswith(NO_ID) else trail[-LENGTH:]
        place = await _behind(pages, end + 1, own, end, neighbours=page_size is not None) if trail else None
        if place is not None:
            end = place - 1
        elif trail:
            # The record has left the list: the window ends with those before it.
            end = await _behind(pages, end, trail[:-LENGTH], end, neighbours=page_size is not None) or end
        return await self._between(pages, max(0, end - size), end)

    async def last_window(self, size: int) -> Connection[Record]:
        """Return the records at the end of the list, whose length its first page reports.

        Raises:
            UpstreamBadAnswer: The upstream does not report the length, or as `window`.
        """
        pages = self._pages(min(size, self._largest), size)
        found, total = None, (await pages.at(0)).total
        # Once more where the list has grown meanwhile.
        for _ in range(2):
            if total is None:
                raise UpstreamBadAnswer(self.upstream, f"{self.upstream.name} answered a list without its length.")
            if total > size:
                page_size = self._page_size(max(0, total - size - MARKED), [total - 1])
                pages = self._pages(page_size or min(size, self._largest), size)
            found = await self._between(pages, max(0, total - size), total)
            if found.total_count == total:
                break
            total = found.total_count
        assert found is not None  # noqa: S101 - the loop runs at least once
        return found

    async def _between(self, pages: ServedPages[Record], start: int, end: int) -> Connection[Record]:
        """Return the records from a place to another."""
        page = await pages.at(start)
        skipped = max(0, start - page.first)
        before = "".join([mark_of(one) for one in pages.ids_on(page)[max(0, skipped - MARKED) : skipped]])
        records, position = list(page.records[skipped : max(0, end - page.first)]), page.end
        while position < end and page.more:
            page = await pages.at(position)
            records += page.records[max(0, position - page.first) : end - page.first]
            position = max(position, page.end)
        more = page.more or page.first + len(page.records) > end
        return self._connection(start, before, records, end - start, more=more, total=page.total)

    def _connection(
        self, start: int, before: str, records: Sequence[Record], size: int, *, more: bool, total: int | None
    ) -> Connection[Record]:
        trails = Trails(before, records, self.own_id)

        def place_of(number: int) -> Offset:
            index = start + number
            return Offset(self.name, -1 - index if self.from_end else index, trails.to(number))

        nodes = as_nodes(self.upstream, records[:size])
        return Connection(nodes, place_of, more or len(records) > size, start > 0, total)

    def own_id(self, record: Record) -> str | None:
        """Return the upstream's own id of a record, also of an unreadable one; None where it is unknown."""
        return record.own_id if isinstance(record, UnreadableRecord) else self.id_of(record)

    def _pages(self, page_size: int, least: int) -> ServedPages[Record]:
        source = PageSource(self.upstream, self.read_page, self.own_id, self.caps)
        return ServedPages(source, page_size, least)

    def _page_size(self, first: int, lasts: Sequence[int]) -> int | None:
        """Return the smallest size of a page that holds all records from the first to one of the last; None if none."""
        for last in lasts:
            for size in range(last + 1 - first, self._largest + 1):
                if first // size == last // size:
                    return size
        return None

    @property
    def _largest(self) -> int:
        return self.caps.get(self.upstream, LARGEST_PAGE)


async def _behind(pages: ServedPages[Record], start: int, trail: str, position: int, *, neighbours: bool) -> int | None:
    """Return the offset right behind the last record of a trail that is found; None where none is.

    Args:
        pages: The pages to search.
        start: The offset if nothing has changed.
        trail: The trail.
        position: A place on the page that is searched first.
        neighbours: Whether the pages before and behind that are searched too.
    """
    page = await pages.at(position)
    found = find_behind(trail, pages.ids_on(page), start - page.first)
    if found is not None:
        return page.first + found
    before, behind = page.first - 1, page.end if page.more else -1
    for one in (before, behind) if neighbours else ():
        neighbour = await pages.at(one) if one >= 0 else page
        found = find_behind(trail, pages.ids_on(neighbour), start - neighbour.first)
        if found is not None:
            return neighbour.first + found
    return None
