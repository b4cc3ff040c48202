"""Following the status of things: what a subscriber sees."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from enum import Enum

import msgspec

from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.upstreams.names import Progress


class StatusEventKind(Enum):
    """What an event tells."""

    SNAPSHOT = "SNAPSHOT"
    CHANGE = "CHANGE"
    GAP = "GAP"


class StatusEventSource(Enum):
    """How the gateway learnt of a change."""

    WEBHOOK = "WEBHOOK"
    POLL = "POLL"
    MUTATION = "MUTATION"


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a subscription; `node` is None in a GAP."""

    kind: StatusEventKind
    cursor: str
    occurred_at: datetime
    node: object | None = None
    progress: Progress | None = None
    previous_progress: Progress | None = None
    raw_status: str | None = None
    previous_raw_status: str | None = None
    source: StatusEventSource | None = None


async def status_changed(context: Context, ids: Sequence[str], after: str | None) -> AsyncIterator[StatusEvent]:
    """The events of the given things."""
    del context, after
    raise BadInput(f"This gateway does not follow anything yet, {len(ids)} ids included.", path=["ids"])
    yield  # type: ignore[unreachable]  # makes it an async generator
