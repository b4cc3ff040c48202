"""Connections: pages of lists with cursors, as the GraphQL Cursor Connections Specification has them.

A cursor is a place in a list, encoded as JSON in base64; the page after it begins behind that place. It names the
list and its filters, so that a cursor of another list is refused instead of misread. Each kind of list has a type of
place of its own, such as an offset with a trail (`numbered_pages.py`). The gateway keeps nothing between two requests.
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
    """

    nodes: Sequence[Node]
    place_of: Callable[[int], msgspec.Struct]
    has_next_page: bool
    has_previous_page: bool
    total_count: int | None = None

    @property
    def edges(self) -> list[Edge[Node]]:
        """The nodes with their cursors."""
        # Cursors are made on demand, because many clients select `nodes` only.
        return [Edge(cursor_at(self.place_of(number)), node) for number, node in enumerate(self.nodes)]

    @property
    def page_info(self) -> PageInfo:
        """The position of the page in its list."""
        start = cursor_at(self.place_of(0)) if self.nodes else None
        end = cursor_at(self.place_of(len(self.nodes) - 1)) if self.nodes else None
        return PageInfo(self.has_next_page, self.has_previous_page, start, end)


class Offset(msgspec.Struct, frozen=True, array_like=True):
    """A place in a list by its offset.

    Args:
        list_name: The name of the list, so that a cursor of another list is refused.
        index: Number of records before this one.
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


def place_at(cursor: str, kind: type[Place]) -> Place:
    """Return the place of a cursor.

    Raises:
        BadInput: The cursor is not one of this kind of list.
    """
    # Before it is decoded, because clients choose its length.
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise bad_cursor()
    try:
        # `cursor_at` strips the padding.
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise bad_cursor() from error


def bad_cursor() -> BadInput:
    """Return the error for a cursor of another list."""
    return BadInput(
        "`after` is no cursor of this list: pass one that came with the same arguments (`first` may differ), or leave "
        "it out to begin at the start.",
        path=["after"],
    )


def start_of(list_name: str, after: str | None) -> int:
    """Return the number of records before the page behind a cursor.

    Raises:
        BadInput: The cursor is not of this list.
    """
    return place_behind(list_name, after)[0]


def place_behind(list_name: str, after: str | None) -> tuple[int, str]:
    """Return the number of records before the page behind a cursor, and the trail of the last of them.

    Raises:
        BadInput: The cursor is not of this list.
    """
    if after is None:
        return 0, ""
    place = place_at(after, Offset)
    # Clients can make cursors of their own, with any offset.
    if place.list_name != list_name or not 0 <= place.index < LARGEST_INT:
        raise bad_cursor()
    return place.index + 1, place.trail


def check_first(first: int, maximum: int = MAX_FIRST) -> int:
    """Return the page's size.

    Raises:
        BadInput: It is not from 1 to the maximum.
    """
    if not 1 <= first <= maximum:
        raise BadInput(f"`first` must be from 1 to {maximum}, not {first}.", path=["first"])
    return first


def offset_connection(
    list_name: str,
    start: int,
    nodes: Sequence[Node],
    *,
    has_next_page: bool,
    total_count: int | None = None,
    trail_to: Callable[[int], str] = lambda _: "",
) -> Connection[Node]:
    """Return a page whose places are offsets from `start`, with the trails of its records."""

    def place_of(number: int) -> Offset:
        return Offset(list_name, start + number, trail_to(number))

    return Connection(nodes, place_of, has_next_page, start > 0, total_count)
