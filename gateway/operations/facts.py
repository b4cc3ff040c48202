"""What the steps of the operation stack learn about an operation, for the log."""

from typing import Final

import msgspec
from starlette.types import Scope

from resolvers.context import Context

FACTS: Final = "gateway.facts"
"""The key of the ASGI scope that holds the operation's `OperationFacts`, if it may be logged."""


class OperationFacts(msgspec.Struct, eq=False):
    """What is known of one operation; operation lifetime. Each step sets what it learns.

    Attributes:
        query: The text of a persisted document.
        estimate: The upstream calls that it was estimated at.
        context: What it was executed with; None where it was not executed for this request.
    """

    query: str | None = None
    estimate: int | None = None
    context: Context | None = None


def facts_of(scope: Scope) -> OperationFacts | None:
    """Return where to note what is learnt of an operation; None where nothing is logged."""
    facts: OperationFacts | None = scope.get(FACTS)
    return facts
