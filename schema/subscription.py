"""The fields of `Subscription`, and the events that they send."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import boards, nodes
from resolvers.events import interface
from resolvers.events.board_subscription import BoardEvent
from resolvers.events.boards import BOARD_SIZE
from resolvers.selection import OperationInfo
from schema.changes import Filter, ListEvent
from schema.enums import Progress, StatusEventKind, StatusEventSource
from schema.inputs.checks import not_empty
from schema.nodes import Trackable, given
from schema.prices import EventsByGlobalIds, EventsOfList, priced


@strawberry.type(
    description=(
        "What keeps an id from being followed. NOT_FOUND and FORBIDDEN are final; an UPSTREAM_ code ends with the "
        "SNAPSHOT that follows. UPSTREAM_UNCONFIGURED alone of those is final too, as is BAD_INPUT: the id is none."
    )
)
class StatusProblem:
    """A view of the problem with one id."""

    # A text and no enum, as the codes in the `extensions` of errors are.
    code: str = strawberry.field(description="As in the `extensions` of an error, such as NOT_FOUND.")
    message: str = strawberry.field(description="What happened, and what to do.")
    subject_id: strawberry.ID = strawberry.field(description="The id, as it was given in `ids`.")
    retryable: bool = strawberry.field(description="As of any error with this code: true where it may pass by itself.")


@strawberry.type(description="What happened to one of the things that are followed.")
class StatusEvent:
    """A view of an event."""

    kind: StatusEventKind = strawberry.field(description="Why the event is sent.")
    cursor: str = strawberry.field(description="Pass as `after` to go on from here after a reconnect.")
    node: Trackable | None = strawberry.field(description="The thing as it stands. Null in a GAP and a PROBLEM.")
    problem: StatusProblem | None = strawberry.field(description="What is wrong with an id. In a PROBLEM alone.")
    progress: Progress | None = strawberry.field(description="Where the thing stands.")
    previous_progress: Progress | None = strawberry.field(description="Where it stood before.")
    raw_status: str | None = strawberry.field(description="The upstream's own word for the status.")
    previous_raw_status: str | None = strawberry.field(description="The upstream's own word for the status before.")
    source: StatusEventSource | None = strawberry.field(description="How the gateway learnt of it.")
    occurred_at: datetime = strawberry.field(description="When it happened, or when the gateway learnt of it.")


# A coroutine that returns the iterator: so a refused argument refuses the subscription, and not its first event.
async def _status_changed(
    info: OperationInfo,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids of what to follow; at least one.")],
    after: Annotated[
        str | None, strawberry.argument(description="The cursor of the last event that was received.")
    ] = strawberry.UNSET,
) -> AsyncIterator[interface.StatusEvent]:
    return nodes.status_changed(info.context, not_empty(ids, ("ids",)), given(after))


async def _changes(
    info: OperationInfo,
    wanted: Filter,
    after: Annotated[
        str | None, strawberry.argument(description="The cursor of the last event that was received.")
    ] = strawberry.UNSET,
) -> AsyncIterator[BoardEvent]:
    kind, filters = wanted.to_board(("filter",))
    return boards.changes(info.context, kind, filters, given(after))


@strawberry.type(description="What can be followed.")
class Subscription:
    """The root type of subscriptions."""

    status_changed = strawberry.subscription(
        resolver=_status_changed,
        graphql_type=StatusEvent,
        description=(
            "Follows the given things until all of them are final, then completes. Without `after` each id first "
            "gets a SNAPSHOT; the snapshots of one subscription share one position in the log. With a valid "
            "`after` what was missed is replayed and no SNAPSHOT is sent again, except those still owed and those "
            "of ids new to the cursor. A cursor whose place the log no longer has (aged out, or a restart without "
            "Redis) gives a GAP; one that the gateway never made is BAD_INPUT. A thing that does not exist or may "
            "not be seen is one event of the kind PROBLEM; the others go on."
        ),
        metadata=priced(EventsByGlobalIds("ids", place="node")),
    )
    changes = strawberry.subscription(
        resolver=_changes,
        graphql_type=ListEvent,
        description=(
            f"Follows a list: a SNAPSHOT of the newest {BOARD_SIZE} that match, then what enters it, changes and "
            "leaves. With a valid `after` what was missed is sent instead of a SNAPSHOT; of what came together, a part "
            "may come again. A cursor whose place is lost gives a GAP and a SNAPSHOT."
        ),
        metadata=priced(EventsOfList("filter", places=("nodes", "node"))),
    )
