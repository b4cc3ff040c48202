"""Records of any type by their global ids: reading them, and following their status."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Final

from resolvers.catalogue import RecordType, require_global_id
from resolvers.context import Context
from resolvers.errors import BadInput, GatewayError
from resolvers.events.interface import StatusEvent
from resolvers.later import failed

MAX_REFUSED_IDS: Final = 100
"""Refused ids of one list that have an error each; of more, the response would be many times the request."""


def node(context: Context, id: str) -> Awaitable[object | None]:  # noqa: A002 - the contract's name
    """The thing with a global ID; None where there is none.

    Raises:
        BadInput: the id is no global ID.
    """
    return node_of(context, *require_global_id(id, ("id",)))


def nodes(context: Context, ids: Sequence[str]) -> list[Awaitable[object | None]]:
    """The things with these global IDs, in that order; each that cannot be read fails on its own.

    Raises:
        BadInput: there are too many that are no global IDs.
    """
    items: list[Awaitable[object | None]] = []
    refused = 0
    for number, one in enumerate(ids):
        try:
            items.append(node_of(context, *require_global_id(one, ("ids", number))))
        except BadInput as error:
            refused += 1
            if refused > MAX_REFUSED_IDS:
                raise BadInput(f"Over {MAX_REFUSED_IDS} of these are no ids. {error.message}", path=["ids"]) from error
            items.append(failed(error))
        except GatewayError as error:
            items.append(failed(error))
    return items


def node_of(context: Context, record_type: RecordType, own_id: str) -> Awaitable[object | None]:
    """The thing of a type with the upstream's own id.

    Raises:
        Forbidden: the caller may not read from its upstream.
    """
    context.account.require_read(record_type.upstream)
    return context.loaders.record(record_type, own_id)


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
