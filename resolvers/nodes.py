"""Records of any type by their global ids: reading them, and following their status."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Final

from resolvers.catalogue import RecordType, require_global_id
from resolvers.context import Context
from resolvers.errors import BadInput, GatewayError
from resolvers.events.interface import StatusEvent
from resolvers.later import failed

MAX_REFUSED_IDS: Final = 100
"""Invalid ids of one list with an error each; with more errors the response would be many times the request."""


def node(context: Context, id: str) -> Awaitable[object | None]:  # noqa: A002 - the contract's name
    """Return the record with a global id; None where there is none.

    Raises:
        BadInput: The id is no global id.
        Forbidden: The caller may not read from its upstream.
    """
    return node_of(context, *require_global_id(id, ("id",)))


def nodes(context: Context, ids: Sequence[str]) -> list[Awaitable[object | None]]:
    """Return the records with these global ids, in that order; each that cannot be read fails by itself.

    Raises:
        BadInput: More than `MAX_REFUSED_IDS` are no global ids.
    """
    items: list[Awaitable[object | None]] = []
    refused = 0
    for number, one in enumerate(ids):
        try:
            items.append(node_of(context, *require_global_id(one, ("ids", number))))
        except BadInput as error:
            # Counted here and not by the length of the list: valid ids are never refused for their number.
            refused += 1
            if refused > MAX_REFUSED_IDS:
                raise BadInput(f"Over {MAX_REFUSED_IDS} of these are no ids. {error.message}", path=["ids"]) from error
            items.append(failed(error))
        except GatewayError as error:
            # Such as a scope that the caller lacks for one of several upstreams.
            items.append(failed(error))
    return items


def node_of(context: Context, record_type: RecordType, own_id: str) -> Awaitable[object | None]:
    """Return the record of a type with the upstream's own id.

    Raises:
        Forbidden: The caller may not read from its upstream.
    """
    context.account.require_read(record_type.upstream)
    return context.loaders.record(record_type, own_id)


def status_changed(context: Context, ids: Sequence[str], after: str | None) -> AsyncIterator[StatusEvent]:
    """Iterate over the status events of some records, until all have a final status.

    Args:
        context: The context of the subscription's start, which the events outlive.
        ids: The records' global ids.
        after: The cursor of the last event that the subscriber received; None to begin with snapshots.

    Raises:
        BadInput: The gateway follows no records.
    """
    events = context.account.events
    if events is None:
        raise BadInput("This gateway follows nothing.", path=["ids"])
    return events.follow(context.account, ids, after, context.start, context.scope.context)
