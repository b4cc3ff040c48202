"""The fields that all records share, and the arguments and pages of their lists."""

from typing import Annotated, TypeAlias, TypeVar

import strawberry

from resolvers.connections import MAX_FIRST, PageRequest, page_request
from schema.enums import ListOrder, Progress


class is_record:  # noqa: N801 - used as a function
    """Decides whether a value is of a GraphQL type, as the type's `is_type_of`; process lifetime.

    Args:
        records: The classes that resolvers return for the type. Nothing but the class of a value counts, so that
            compiled execution can ask once for each class.
    """

    def __init__(self, *records: type) -> None:
        self._records = records

    def __call__(self, value: object, _info: object) -> bool:
        """Whether the value is one of the records."""
        return isinstance(value, self._records)


@strawberry.interface(description="A thing that can be fetched again by its id alone.")
class Node:
    """Anything with a global id."""

    id: strawberry.ID = strawberry.field(description="Global and opaque; the same object has the same id for ever.")


@strawberry.interface(
    description="A thing whose status a client can follow: deliveries, SMS jobs, recipients, logistics tasks."
)
class Trackable(Node):
    """Any record whose status changes until it is final."""

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


Given = TypeVar("Given")

# Where the contract has no default, the default here is UNSET, because None would be printed as `= null`.

Id: TypeAlias = Annotated[
    strawberry.ID, strawberry.argument(name="id", description="A global id, or the upstream's own; both mean the same.")
]

First: TypeAlias = Annotated[
    int | None, strawberry.argument(name="first", description="How many at most, from 1 to 100; null is the default.")
]
# Up to a whole job, because one call reads all of its recipients, however few are asked for.
FirstRecipients: TypeAlias = Annotated[
    int | None, strawberry.argument(name="first", description="How many at most, from 1 to 3000; null is the default.")
]
After: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        name="after",
        description="The cursor to go on behind, such as a page's endCursor; it belongs to its list's other arguments.",
    ),
]
OrderBy: TypeAlias = Annotated[
    ListOrder | None,
    strawberry.argument(
        name="orderBy", description="Which end of the list comes first; the upstream's order by default."
    ),
]
Last: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        name="last", description="How many at most, from 1 to 100, from the list's end or before `before`."
    ),
]
LastRecipients: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        name="last", description="How many at most, from 1 to 3000, from the list's end or before `before`."
    ),
]
Before: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        name="before",
        description="With `last`: the cursor to end before, such as a page's startCursor, of the same arguments.",
    ),
]


def page_of(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    *,
    default: int = 20,
    maximum: int = MAX_FIRST,
) -> PageRequest:
    """Return the page that the arguments of a list ask for; null means the same as leaving an argument out.

    Raises:
        BadInput: The size is out of bounds, or both directions are asked for.
    """
    return page_request(
        default, first=given(first), after=given(after), last=given(last), before=given(before), maximum=maximum
    )


def given(value: Given | None) -> Given | None:
    """Return the value of an argument; None if the client left it out."""
    return None if value is strawberry.UNSET else value
