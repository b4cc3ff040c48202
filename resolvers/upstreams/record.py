"""How a record reaches a value that its wire form keeps further down."""

from operator import attrgetter
from typing import Any


def at(path: str) -> Any:  # noqa: ANN401 - the attribute's type is the schema's to state
    """A read-only attribute whose value stands at a dotted path below the record.

    It is a property over an `attrgetter`, which the executor reads to go straight to the value.

    Args:
        path: Such as `attributes.status`.
    """
    return property(attrgetter(path))
