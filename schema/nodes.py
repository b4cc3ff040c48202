"""What all things have in common: an id, and for those that move a status; and how lists of them are paged."""

from collections.abc import Callable
from typing import Any

import strawberry

from schema.enums import Progress


def is_record(*records: type) -> Callable[[object, Any], bool]:
    """What a GraphQL type sets as its `is_type_of`: the records that resolvers return for it."""

    def is_type_of(value: object, _info: object) -> bool:
        return isinstance(value, records)

    return staticmethod(is_type_of)


@strawberry.interface(description="A thing that can be fetched again by its id alone.")
class Node:
    """Anything with a global id."""

    id: strawberry.ID = strawberry.field(description="Global and opaque; the same object has the same id for ever.")


@strawberry.interface(
    description="A thing whose status a client can follow: deliveries, SMS jobs, recipients, logistics tasks."
)
class Trackable(Node):
    """Anything whose status changes until it is final."""

    progress: Progress = strawberry.field(description="Where the thing stands, in the words of all three upstreams.")
    final: bool = strawberry.field(description="No further change will come.")
    raw_status: str = strawberry.field(description="The upstream's own word for the status, untouched.")


@strawberry.type(description="Where in a list this page stands.")
class PageInfo:
    """A view of the page of a connection."""

    has_next_page: bool = strawberry.field(description="There is more after this page.")
    has_previous_page: bool = strawberry.field(description="There is something before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of this page's first edge; null where empty.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of this page's last edge, to pass as `after` for the next page; null where empty."
    )
