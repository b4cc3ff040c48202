"""Arguments that several fields share.

An argument without a default in the contract has UNSET for its default here: None would be printed as `= null`.
"""

from typing import Annotated, TypeAlias, TypeVar

import strawberry

Given = TypeVar("Given")

Id: TypeAlias = Annotated[
    strawberry.ID, strawberry.argument(name="id", description="A global id, or the upstream's own; both mean the same.")
]

First: TypeAlias = Annotated[
    int | None, strawberry.argument(name="first", description="How many at most, from 1 to 100; null is the default.")
]
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


def size_of_page(first: int | None, default: int) -> int:
    """How many things the client asked for: a null means the same as nothing."""
    return default if first is None else first


def given(value: Given | None) -> Given | None:
    """What the client gave, or None where it gave nothing."""
    return None if value is strawberry.UNSET else value
