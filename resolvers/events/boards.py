"""Boards: the newest records of a filtered list, whose membership is followed like the status of a record.

To the event log a board is one record. Its status is a digest of its items, so that each change of a status in it, each
record that enters and each that leaves is a change of the board. The log keeps the items only; what they name is read
from the upstream, or is what this process has read with the list.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from resolvers.ids import global_id
from resolvers.upstreams.names import Progress

BOARD_SIZE: Final = 50
"""Records on a board, the newest that match; older ones leave it when newer ones enter."""


class BoardItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record on a board.

    Args:
        id: The record's global id.
        raw_status: Its status, in the upstream's own word.
        changed_at: When the upstream last changed it, as it says that; empty where it does not.
    """

    id: str
    raw_status: str
    changed_at: str = ""


def item_of(record: Any) -> BoardItem:  # noqa: ANN401 - a record of any upstream
    """Return the item of a record that came with its list."""
    changed_at = record.updated_at
    return BoardItem(record.id, record.raw_status, "" if changed_at is None else changed_at.isoformat())


class Board(msgspec.Struct, frozen=True, gc=False):
    """The items of a board, as the log keeps them. Lifetime: as long as the log keeps them.

    Args:
        kind: The type of board.
        local_id: Its filter, encoded.
        items: The records, the newest first.
    """

    kind: str
    local_id: str
    items: tuple[BoardItem, ...]

    @property
    def id(self) -> str:
        """The id, which clients do not see."""
        return global_id(self.kind, self.local_id)

    @property
    def raw_status(self) -> str:
        """A digest of the items."""
        return blake2b(msgspec.json.encode(self.items), digest_size=12).hexdigest()

    @property
    def progress(self) -> Progress:
        """Always in progress."""
        return Progress.IN_PROGRESS

    @property
    def final(self) -> bool:
        """Never: a record may always enter."""
        return False


class BoardRead(NamedTuple):
    """A board as it was read. Lifetime: until the next read of it.

    Args:
        board: The items.
        records: The records that came with the list, by their global ids.
    """

    board: Board
    records: Mapping[str, Any]


class BoardEventKind(Enum):
    """The kind of an event of a board."""

    SNAPSHOT = "SNAPSHOT"
    ENTERED = "ENTERED"
    CHANGED = "CHANGED"
    LEFT = "LEFT"
    GAP = "GAP"
    PROBLEM = "PROBLEM"


class Difference(NamedTuple):
    """What differs of one record between two states of a board. Lifetime: event.

    Args:
        kind: ENTERED, CHANGED or LEFT.
        item: The record as it stands, or as it stood before it left.
        previous: The record as it stood; None if it entered.
    """

    kind: BoardEventKind
    item: BoardItem
    previous: BoardItem | None


def differences(before: Sequence[BoardItem], after: Sequence[BoardItem]) -> list[Difference]:
    """Return what leads from one state of a board to another: first what left, then what entered or changed.

    Args:
        before: The items before.
        after: The items afterwards.
    """
    known, now = {one.id: one for one in before}, {one.id for one in after}
    left = [Difference(BoardEventKind.LEFT, one, one) for one in before if one.id not in now]
    # The oldest first, so that each that enters is put in front of those before it.
    entered = [Difference(BoardEventKind.ENTERED, one, None) for one in reversed(after) if one.id not in known]
    changed = [
        Difference(BoardEventKind.CHANGED, one, known[one.id])
        for one in after
        if one.id in known and one != known[one.id]
    ]
    return left + entered + changed
