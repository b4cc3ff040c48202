"""Boards: subscriptions to filtered lists, and the records of their events."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import msgspec
from strawberry import Parent

from resolvers.catalogue import RecordType, require_global_id
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.events.board_subscription import BoardEvent, BoardRecord
from resolvers.events.boards import BoardEventKind
from resolvers.kinds.boards import board_id
from resolvers.nodes import node_of
from resolvers.selection import OperationInfo


def changes(
    context: Context, kind: RecordType, filters: msgspec.Struct, after: str | None
) -> AsyncIterator[BoardEvent]:
    """Iterate over what enters a filtered list, changes and leaves.

    Args:
        context: The context of the subscription's start, which the events outlive.
        kind: The type of board.
        filters: What belongs to it.
        after: The cursor of the last event that the subscriber received; None to begin with a snapshot.

    Raises:
        BadInput: The gateway follows nothing, or the cursor is of another filter.
        Forbidden: The caller may not read from the list's upstream.
    """
    context.account.require_read(kind.upstream)
    events = context.account.events
    if events is None:
        raise BadInput("This gateway follows nothing.", path=["filter"])
    return events.follow_board(
        context.account, kind.name, board_id(filters), after, context.start, context.scope.context
    )


def records(event: Parent[BoardEvent], info: OperationInfo) -> list[Any] | None:
    """Return the records of a SNAPSHOT; None for another event."""
    if event.kind is not BoardEventKind.SNAPSHOT:
        return None
    return [_record(info.context, one) for one in event.records]


def record(event: Parent[BoardEvent], info: OperationInfo) -> Awaitable[object | None] | object | None:
    """Return the record that entered, changed or left, as it stands now; None where there is none."""
    if event.kind is BoardEventKind.SNAPSHOT or not event.records:
        return None
    known = event.records[0].known
    return _read_again(info.context, event.records[0].id) if known is None else known


async def _read_again(context: Context, global_id: str) -> object | None:
    """Read a record past the caches, which may have it as it was before the list has changed."""
    record_type, own_id = require_global_id(global_id, ("id",))
    await context.forget(record_type.kind, [record_type.kept_id(own_id)])
    return await node_of(context, record_type, own_id)


def _record(context: Context, one: BoardRecord) -> Awaitable[object | None] | object:
    # What came with the list needs no call.
    return node_of(context, *require_global_id(one.id, ("id",))) if one.known is None else one.known
