"""Pages as GraphQL clients ask for them: windows, cursors, connections.

A cursor is the place behind which a page goes on, as JSON in base64, with a digest of the list that it belongs to: with
other filters it is refused, not misread. Each kind of list has its own place, from a count to the trail of
`numbered_pages.py`; nothing is kept for it between two requests.
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

_DIGEST_BYTES: Final = 6
"""Enough that no two lists that somebody pages through share a name, and short in every cursor."""

Node = TypeVar("Node")
Place = TypeVar("Place", bound=msgspec.Struct)


class PageInfo(msgspec.Struct, frozen=True):
    """Where a page stands in its list; operation lifetime."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class Edge(msgspec.Struct, Generic[Node], frozen=True):
    """A node and the cursor right behind it; operation lifetime."""

    cursor: str
    node: Node


class Connection(msgspec.Struct, Generic[Node], frozen=True):
    """A page of a list; operation lifetime.

    Args:
        nodes: The page's things.
        place_of: The place in the whole list of the page's thing of a number, from which its cursor is made.
        has_next_page: Whether there is more behind it.
        has_previous_page: Whether there is more before it.
        total_count: How many there are in all; None where the upstream does not say.
    """

    nodes: Sequence[Node]
    place_of: Callable[[int], msgspec.Struct]
    has_next_page: bool
    has_previous_page: bool
    total_count: int | None = None

    @property
    def edges(self) -> list[Edge[Node]]:
        """The nodes with their cursors."""
        return [Edge(cursor_at(self.place_of(number)), node) for number, node in enumerate(self.nodes)]

    @property
    def page_info(self) -> PageInfo:
        """Where the page stands in its list."""
        start = cursor_at(self.place_of(0)) if self.nodes else None
        end = cursor_at(self.place_of(len(self.nodes) - 1)) if self.nodes else None
        return PageInfo(self.has_next_page, self.has_previous_page, start, end)


class Offset(msgspec.Struct, frozen=True, array_like=True):
    """A place in a list that the upstream counts.

    Args:
        list_name: Keeps a cursor of one list from being taken for another's.
        index: How many things stand before it.
        trail: Names the thing itself and some before it, by which the place is found again; see `Trails`.
    """

    list_name: str
    index: int
    trail: str = ""


def name_under(list_name: str, arguments: msgspec.Struct) -> str:
    """The name of a list that its arguments narrow, so that a cursor made under some is none under others.

    Args:
        list_name: Of the whole list.
        arguments: What narrows it; equal ones make the same name.
    """
    named = msgspec.json.encode((list_name, arguments))
    return base64.urlsafe_b64encode(hashlib.blake2b(named, digest_size=_DIGEST_BYTES).digest()).decode()


def cursor_at(place: msgspec.Struct) -> str:
    """The opaque cursor of a place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_at(cursor: str, kind: type[Place]) -> Place:
    """The place that a cursor of ours stands for.

    Raises:
        BadInput: the gateway never made such a cursor for this list.
    """
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise bad_cursor()
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise bad_cursor() from error


def bad_cursor() -> BadInput:
    """What a cursor gets that does not belong to the list."""
    return BadInput(
        "`after` is no cursor of this list: pass one that came with the same arguments (`first` may differ), or leave "
        "it out to begin at the start.",
        path=["after"],
    )


def start_of(list_name: str, after: str | None) -> int:
    """How many things stand before the page that begins behind a cursor.

    Raises:
        BadInput: the cursor is not of this list.
    """
    return place_behind(list_name, after)[0]


def place_behind(list_name: str, after: str | None) -> tuple[int, str]:
    """How many things stand before the page that begins behind a cursor, and the trail that ends with them.

    Raises:
        BadInput: the cursor is not of this list.
    """
    if after is None:
        return 0, ""
    place = place_at(after, Offset)
    if place.list_name != list_name or not 0 <= place.index < LARGEST_INT:
        raise bad_cursor()
    return place.index + 1, place.trail


def check_first(first: int, maximum: int = MAX_FIRST) -> int:
    """The page's size.

    Raises:
        BadInput: it is outside what the gateway serves.
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
    """A page whose places are counted from the list's start, and named by the trails that end with its things."""

    def place_of(number: int) -> Offset:
        return Offset(list_name, start + number, trail_to(number))

    return Connection(nodes, place_of, has_next_page, start > 0, total_count)
