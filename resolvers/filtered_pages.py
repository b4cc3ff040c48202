"""Pages of a list that the gateway filters itself, because its upstream cannot.

Theory of operation. The upstream's list is read in large pages from the cursor on, and what matches is kept, until the
page is full or `MOST_READ` of them were read. A page that is not full by then ends where reading has stopped: its end
cursor leads on from there, also where nothing has matched. Cursors are places in the unfiltered list::

    upstream   a b c D e f G h | i j k l m N o p | ...       capitals match, `first: 3`
    page       [     D     G             N      ]

A record that cannot be read matches nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from resolvers.connections import Connection, Offset, PageRequest, turned
from resolvers.numbered_pages import NumberedList
from resolvers.served_pages import LARGEST_PAGE

Record = TypeVar("Record")

MOST_READ: Final = 5
"""Pages of the upstream that one page is filtered from."""


async def filtered_page(
    listed: NumberedList[Record],
    request: PageRequest,
    place: Offset | None,
    matches: Callable[[Record], bool],
    *,
    against: bool,
) -> Connection[Record]:
    """Return a page of the records that match, in the client's order.

    Args:
        listed: The unfiltered list.
        request: The page; one that is read from an end of the list begins at the start of `listed`.
        place: The place of its cursor.
        matches: Whether a record belongs to the list.
        against: Whether the client's order is the opposite of this list's.

    Raises:
        UpstreamBadAnswer: As `NumberedList.window`.
    """
    found: list[tuple[Record, msgspec.Struct]] = []
    at, more = place, True
    for _ in range(MOST_READ):
        part = await _next_part(listed, at, forwards=request.backwards is against)
        more = part.has_next_page
        for number, record in enumerate(part.nodes):
            if not isinstance(record, asyncio.Future) and matches(record):
                found.append((record, part.place_of(number)))
        last = part.place_of(len(part.nodes) - 1) if part.nodes else None
        if len(found) > request.size or not more or not isinstance(last, Offset):
            break
        at = last
    page = Connection(
        [record for record, _ in found[: request.size]],
        lambda number: found[number][1],
        has_next_page=more or len(found) > request.size,
        has_previous_page=place is not None,
        end_place=at if more and len(found) <= request.size else None,
    )
    return turned(page) if request.backwards else page


async def _next_part(listed: NumberedList[Record], at: Offset | None, *, forwards: bool) -> Connection[Record]:
    """Return the next records in the direction of reading, up to an edge of the upstream's pages."""
    trail = "" if at is None else at.trail
    if forwards:
        start = 0 if at is None else max(at.index, -1 - at.index) + 1
        return await listed.window(start, LARGEST_PAGE - start % LARGEST_PAGE, trail)
    end = 0 if at is None else max(at.index, -1 - at.index)
    return turned(await listed.window_before(end, end % LARGEST_PAGE or LARGEST_PAGE, trail))
