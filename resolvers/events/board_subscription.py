"""One subscription to a board: what enters it, changes and leaves.

Theory of operation. A board is followed as one record, by a `Subscription` of its own, whose events are boards as they
stand. This module makes events of the difference between two of them::

    SNAPSHOT of the board --> SNAPSHOT with all its records
    CHANGE of the board   --> LEFT ..., ENTERED ..., CHANGED ...       GAP, PROBLEM --> the same

All but the last of the events of one change have the cursor of the change before: a subscriber that is cut off in the
midst of them gets all of them again, and none is lost. One that resumes needs the board as it stood at its cursor,
which the log has as the last change up to there; where the log has lost it, there is a GAP.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from resolvers.accounts import Account
from resolvers.errors import BadInput
from resolvers.events.boards import Board, BoardEventKind, BoardItem, Difference, differences, item_of
from resolvers.events.changes import RecordKey
from resolvers.events.cursors import ResumePoint
from resolvers.events.id_lists import IdList
from resolvers.events.interface import Start, StatusEvent, StatusEventKind, StatusEventSource, StatusProblem
from resolvers.events.log import LogUnreachable
from resolvers.events.subscription import Subscription
from resolvers.events.subscription_reads import SubscriptionServices
from resolvers.upstreams.call import CallContext

RETRY_SECONDS = 2.0


class BoardRecord(msgspec.Struct, frozen=True):
    """A record on a board.

    Args:
        id: Its global id.
        known: The record as this process has read it with the list; None to read it when it is selected.
    """

    id: str
    known: Any = None


class BoardEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a subscription to a board, as resolvers return it.

    Args:
        kind: The kind of the event.
        cursor: Resumes the subscription after this event.
        occurred_at: When the gateway learnt of it.
        records: All records, the newest first, for SNAPSHOT; for ENTERED, CHANGED and LEFT the one.
        raw_status: The record's status as it is on the board; for LEFT, as it was.
        previous_raw_status: The status before, for CHANGED.
        problem: Why the board cannot be read at the moment; for PROBLEM only.
        source: How the gateway learnt of the change.
        noticed_at: When that began, in seconds since 1970; 0 where it is not known or no matter.
    """

    kind: BoardEventKind
    cursor: str
    occurred_at: datetime
    records: tuple[BoardRecord, ...] = ()
    raw_status: str | None = None
    previous_raw_status: str | None = None
    problem: StatusProblem | None = None
    source: StatusEventSource | None = None
    noticed_at: float = 0.0

    @property
    def node_id(self) -> str | None:
        """The id of the record that entered, changed or left."""
        return None if self.kind is BoardEventKind.SNAPSHOT or not self.records else self.records[0].id


class BoardSubscription:
    """Follows a board for one subscriber. Lifetime: subscription.

    Args:
        services: The parts of the process that subscriptions share.
        account: The account that reads the board.
        key: The board.
        start: Ended once the board was read and reported; None charges no caller.
        carried: What the calls of its start carry of the subscription's request; None for nothing.
    """

    def __init__(
        self,
        services: SubscriptionServices,
        account: Account,
        key: RecordKey,
        start: Start | None = None,
        carried: CallContext | None = None,
    ) -> None:
        self._services = services
        self._key = key
        self._subscription = Subscription(services, account, [key], IdList([key.global_id]), (), start, carried)
        self._items: tuple[BoardItem, ...] = ()
        self._cursor = ""

    async def events(self, after: ResumePoint | None, cursor: str | None) -> AsyncGenerator[BoardEvent, None]:
        """Iterate over the events, for ever unless the board cannot be followed.

        Args:
            after: The resume point; None begins anew.
            cursor: The cursor of the resume point, as the client sent it.
        """
        if after is not None and after.marks:
            after = await self._resumed(after)
        self._cursor = cursor or ""
        source = self._subscription.events(after)
        try:
            async for event in source:
                for one in self._translated(event):
                    yield one
        finally:
            await source.aclose()

    async def _resumed(self, after: ResumePoint) -> ResumePoint:
        """Find the board as it stood at the resume point; without it the point is one of a lost log."""
        while True:
            try:
                base = await self._services.log.last(self._key, after.position, after.epoch)
                break
            except LogUnreachable:
                await self._services.sleep(RETRY_SECONDS)
        if base is None or not isinstance(base.record, Board):
            return msgspec.structs.replace(after, epoch="")
        self._items = base.record.items
        return after

    def _translated(self, event: StatusEvent) -> Iterator[BoardEvent]:
        """Yield what an event of the board means of its records."""
        if event.kind is StatusEventKind.CHANGE and isinstance(event.node, Board):
            yield from self._changes(event, event.node)
        elif event.kind is StatusEventKind.SNAPSHOT and isinstance(event.node, Board):
            self._items = event.node.items
            known = self._services.reader.records_of(self._key)
            records = tuple(_record(item, known) for item in self._items)
            yield BoardEvent(
                kind=BoardEventKind.SNAPSHOT, cursor=event.cursor, occurred_at=event.occurred_at, records=records
            )
        else:
            kind = BoardEventKind(event.kind.value)
            yield BoardEvent(kind=kind, cursor=event.cursor, occurred_at=event.occurred_at, problem=event.problem)
        self._cursor = event.cursor

    def _changes(self, event: StatusEvent, board: Board) -> Iterator[BoardEvent]:
        found = differences(self._items, board.items)
        known = self._services.reader.records_of(self._key)
        for number, difference in enumerate(found, 1):
            yield self._change(event, difference, known, last=number == len(found))
        self._items = board.items

    def _change(
        self, event: StatusEvent, difference: Difference, known: Mapping[str, Any], *, last: bool
    ) -> BoardEvent:
        item, previous = difference.item, difference.previous
        changed = difference.kind is BoardEventKind.CHANGED
        return BoardEvent(
            kind=difference.kind,
            cursor=event.cursor if last else self._cursor,
            occurred_at=event.occurred_at,
            # What has left is no longer on the board, and stands as its upstream says now.
            records=(_record(item, {} if difference.kind is BoardEventKind.LEFT else known),),
            raw_status=item.raw_status,
            previous_raw_status=previous.raw_status if changed and previous is not None else None,
            source=event.source,
            noticed_at=event.noticed_at,
        )


def _record(item: BoardItem, known: Mapping[str, Any]) -> BoardRecord:
    record = known.get(item.id)
    # Another process may have polled the board since this one has read it.
    return BoardRecord(item.id, record if record is not None and item_of(record) == item else None)


def require_board(after: ResumePoint | None, key: RecordKey) -> None:
    """Check that a resume point is one of this board.

    Raises:
        BadInput: It is one of another board, or of records.
    """
    if after is not None and after.marks and not after.covered([key]):
        raise BadInput("`after` is a cursor of another filter: pass one that came with this one.", path=["after"])
