"""Connections: pages of lists with cursors, as the GraphQL Cursor Connections Specification has them.

A cursor is a place in a list, encoded as JSON in base64; the page after it begins behind that place. It names the
list and its filters, so that a cursor of another list is refused instead of misread. Each kind of list has a type of
place of its own, such as an offset with a trail (`trails.py`). The gateway keeps nothing between two requests.

A page is read forwards (`first`, `after`) or backwards (`last`, `before`); its records stand in the list's order either
way. A list that is served against the upstream's order is read the other way round, and its pages are turned about.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from resolvers.errors import BadInput
from resolvers.upstreams.fields import LARGEST_INT

MAX_FIRST: Final = 100
MAX_CURSOR_LENGTH: Final = 512
"""Characters of a cursor that is decoded."""

_DIGEST_BYTES: Final = 6
"""Bytes of a list's digest: enough that lists in use do not collide, and short in every cursor."""

Node = TypeVar("Node")
Place = TypeVar("Place", bound=msgspec.Struct)


class PageInfo(msgspec.Struct, frozen=True):
    """The position of a page in its list; operation lifetime."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class Edge(msgspec.Struct, Generic[Node], frozen=True):
    """A node and its cursor; operation lifetime."""

    cursor: str
    node: Node


class Connection(msgspec.Struct, Generic[Node], frozen=True):
    """A page of a list; operation lifetime.

    Args:
        nodes: The records of the page.
        place_of: Returns the place in the list of a record by its index in the page, for its cursor.
        has_next_page: Whether there are records behind the page.
        has_previous_page: Whether there are records before the page.
        total_count: Length of the list; None where the upstream does not report it.
        start_place: Where the page begins, if that is not at its first record.
        end_place: Where the page ends, if that is not at its last record: what was looked through may go on behind it.
    """

    nodes: Sequence[Node]
    place_of: Callable[[int], msgspec.Struct]
    has_next_page: bool
    has_previous_page: bool
    total_count: int | None = None
    start_place: msgspec.Struct | None = None
    end_place: msgspec.Struct | None = None

    @property
    def edges(self) -> list[Edge[Node]]:
        """The nodes with their cursors."""
        # Cursors are made on demand, because many clients select `nodes` only.
        return [Edge(cursor_at(self.place_of(number)), node) for number, node in enumerate(self.nodes)]

    @property
    def page_info(self) -> PageInfo:
        """The position of the page in its list."""
        start = self.start_place or (self.place_of(0) if self.nodes else None)
        end = self.end_place or (self.place_of(len(self.nodes) - 1) if self.nodes else None)
        cursors = [None if place is None else cursor_at(place) for place in (start, end)]
        return PageInfo(self.has_next_page, self.has_previous_page, *cursors)


class PageRequest(msgspec.Struct, frozen=True):
    """The page that a client asks for; operation lifetime.

    Args:
        size: How many records at most.
        cursor: The cursor to begin at; None to begin at an end of the list.
        backwards: Whether the page ends before the cursor, or at the list's end, instead of beginning there.
    """

    size: int
    cursor: str | None = None
    backwards: bool = False

    @property
    def cursor_argument(self) -> str:
        """The argument that the cursor was passed as."""
        return "before" if self.backwards else "after"

    @property
    def unproven(self) -> str:
        """The flag of `pageInfo` for the end that the page is read towards; the other end is known from the start."""
        return "hasPreviousPage" if self.backwards else "hasNextPage"


class Offset(msgspec.Struct, frozen=True, array_like=True):
    """A place in a list by its offset.

    Args:
        list_name: The name of the list, so that a cursor of another list is refused.
        index: Number of records before this one; where it is counted from the list's end, -1 for the last record.
        trail: Marks of this record and some before it, by which the place is found again; see `Trails`.
    """

    list_name: str
    index: int
    trail: str = ""


def name_under(list_name: str, arguments: msgspec.Struct) -> str:
    """Return the name of a filtered list, so that a cursor is valid only with the same filters.

    Args:
        list_name: The name of the whole list.
        arguments: The filters.
    """
    # A digest, because the filters, which may list ids, can be longer than a cursor.
    named = msgspec.json.encode((list_name, arguments))
    return base64.urlsafe_b64encode(hashlib.blake2b(named, digest_size=_DIGEST_BYTES).digest()).decode()


def cursor_at(place: msgspec.Struct) -> str:
    """Return the opaque cursor of a place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_at(cursor: str, kind: type[Place], argument: str = "after") -> Place:
    """Return the place of a cursor.

    Args:
        cursor: As the client sent it.
        kind: The type of place that the list has.
        argument: The argument that it was passed as.

    Raises:
        BadInput: The cursor is not one of this kind of list.
    """
    # Before it is decoded, because clients choose its length.
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise bad_cursor(argument)
    try:
        # `cursor_at` strips the padding.
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise bad_cursor(argument) from error


def bad_cursor(argument: str = "after") -> BadInput:
    """Return the error for a cursor of another list.

    Args:
        argument: The argument that it was passed as.
    """
    return BadInput(
        f"`{argument}` is no cursor of this list: pass one that came with the same arguments (`first` and `last` may "
        "differ), or leave it out to begin at an end of the list.",
        path=[argument],
    )


def offset_of(list_name: str, page: PageRequest, *, from_end: bool = False) -> Offset | None:
    """Return the place of a page's cursor; None where it has none.

    Args:
        list_name: The name of the list.
        page: The page.
        from_end: Whether the list has places that are counted from its end.

    Raises:
        BadInput: The cursor is not of this list.
    """
    if page.cursor is None:
        return None
    place = place_at(page.cursor, Offset, page.cursor_argument)
    # Clients can make cursors of their own, with any offset.
    least = -LARGEST_INT if from_end else 0
    if place.list_name != list_name or not least <= place.index < LARGEST_INT:
        raise bad_cursor(page.cursor_argument)
    return place


def page_request(
    default: int,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    maximum: int = MAX_FIRST,
) -> PageRequest:
    """Return the page that a client asks for.

    Args:
        default: The size where neither `first` nor `last` is given, which is the schema's default of `first`.
        first: The size of a page that is read forwards.
        after: The cursor that it begins behind.
        last: The size of a page that is read backwards.
        before: The cursor that it ends before.
        maximum: The largest size.

    Raises:
        BadInput: The size is not from 1 to the maximum, or both directions are asked for.
    """
    if last is None:
        if before is not None:
            raise BadInput("`before` goes with `last`, the number of records before it.", path=["before"])
        return PageRequest(_checked("first", default if first is None else first, maximum), after)
    # A `first` that is the schema's default is the same as one that is left out.
    if first not in {None, default}:
        raise BadInput("`first` and `last` are two directions: give one of them.", path=["last"])
    if after is not None:
        raise BadInput("`after` goes with `first`; to read backwards pass `before`.", path=["after"])
    return PageRequest(_checked("last", last, maximum), before, backwards=True)


def _checked(argument: str, size: int, maximum: int) -> int:
    if not 1 <= size <= maximum:
        raise BadInput(f"`{argument}` must be from 1 to {maximum}, not {size}.", path=[argument])
    return size


def turned(page: Connection[Node]) -> Connection[Node]:
    """Return a page of the same list in the opposite order."""
    last = len(page.nodes) - 1
    return Connection(
        list(reversed(page.nodes)),
        lambda number: page.place_of(last - number),
        has_next_page=page.has_previous_page,
        has_previous_page=page.has_next_page,
        total_count=page.total_count,
        start_place=page.end_place,
        end_place=page.start_place,
    )


def offset_connection(
    list_name: str, start: int, nodes: Sequence[Node], *, has_next_page: bool, total_count: int
) -> Connection[Node]:
    """Return a page whose places are offsets from `start`."""
    return Connection(nodes, lambda number: Offset(list_name, start + number), has_next_page, start > 0, total_count)
