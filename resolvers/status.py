"""Following the status of things: what a subscriber sees."""

from collections.abc import AsyncIterator, Sequence

from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.events.interface import StatusEvent, StatusEventKind, StatusEventSource, StatusProblem

__all__ = ["StatusEvent", "StatusEventKind", "StatusEventSource", "StatusProblem", "status_changed"]


def status_changed(context: Context, ids: Sequence[str], after: str | None) -> AsyncIterator[StatusEvent]:
    """The events of the given things, until all of them are final.

    Args:
        context: The subscription's; what it follows outlives that context.
        ids: Global IDs.
        after: The cursor of the last event that the subscriber has seen.

    Raises:
        BadInput: nothing can be followed here.
    """
    events = context.account.events
    if events is None:
        raise BadInput("This gateway follows nothing.", path=["ids"])
    return events.follow(context.account, ids, after, context.start)
