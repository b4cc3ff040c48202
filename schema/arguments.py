"""Arguments that several fields share."""

from typing import Annotated, TypeAlias

import strawberry

First: TypeAlias = Annotated[
    int | None, strawberry.argument(name="first", description="How many at most, from 1 to 100; null is the default.")
]
FirstRecipients: TypeAlias = Annotated[
    int | None, strawberry.argument(name="first", description="How many at most, from 1 to 3000; null is the default.")
]
After: TypeAlias = Annotated[
    str | None,
    strawberry.argument(name="after", description="The cursor to go on behind, such as a page's endCursor."),
]


def size_of_page(first: int | None, default: int) -> int:
    """How many things the client asked for: a null means the same as nothing."""
    return default if first is None else first
