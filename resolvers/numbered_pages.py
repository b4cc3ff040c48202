"""Windows of a list that its upstream serves in numbered pages, in whatever size it likes to count them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from resolvers.connections import Connection, offset_connection
from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.names import UpstreamName

Record = TypeVar("Record")
Record_co = TypeVar("Record_co", covariant=True)

MAX_RESIZES: Final = 2
"""One from the size asked for to the upstream's own, and one more if that changes meanwhile."""


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


async def read_window(
    upstream: UpstreamName,
    list_name: str,
    start: int,
    size: int,
    read_page: ReadPage[Record],
    *,
    look_further: bool = False,
) -> Connection[Record]:
    """The records from `start` on, in one call where the window is a page of its own, else in two.

    An upstream that counts its pages in another size than asked for is followed: into more calls where it is smaller,
    and a call is lost for each time that it shows so on another page than the first.

    Args:
        upstream: Whose list it is.
        list_name: Marks the cursors of this list.
        start: How many records stand before the window.
        size: The window's size.
        read_page: Reads the list.
        look_further: Whether somebody wants to know if there is more behind the window, of an upstream that tells no
            total: that may cost a second call.

    Raises:
        UpstreamBadAnswer: the pages change their size all the time, so that nobody can tell what stands where.
    """
    records: list[Record] = []
    position, page_size, resizes = start, size, 0
    more, total = True, None
    while more and len(records) < size + look_further:
        number, skip = divmod(position, page_size)
        page = await read_page(number + 1, page_size)
        told = _size_of(page, page_size)
        if told != page_size:
            resizes += 1
            if resizes > MAX_RESIZES:
                raise UpstreamBadAnswer(upstream, f"{upstream.name} gives pages of another size at every call.")
        if told == page_size or number == 0:
            records += page.records[skip:]
            full = min(told, page_size)
            position = max(position, number * page_size + max(len(page.records), full))
            more, total = _goes_on(page, full, position), page.total
        page_size = told
    has_next_page = more or len(records) > size
    return offset_connection(list_name, start, records[:size], has_next_page=has_next_page, total_count=total)


def _size_of(page: NumberedPage[Record], asked: int) -> int:
    """The size that the page's number counts in; one that the page itself exceeds is none."""
    told = page.per_page
    return told if told is not None and told >= max(1, len(page.records)) else asked


def _goes_on(page: NumberedPage[Record], full: int, position: int) -> bool:
    """Whether there is more behind a page (documents of the logistics API: a page that is not full is the last)."""
    if page.total is None:
        return len(page.records) >= full
    return len(page.records) > 0 and position < page.total
