"""The progress of one subscription: the bounded backlog of its changes, and the cursor of its last event."""

import asyncio
from collections.abc import Iterable

from resolvers.events.changes import Change, RecordKey
from resolvers.events.cursors import Cursors, ResumePoint, mark_of


class Backlog:
    """The changes queued for one subscriber; subscription lifetime.

    Up to `size`, every change is kept. Beyond it, the changes of each record are folded into its latest; if even those
    are too many, all are dropped and `gap` is set.

    Args:
        size: How many changes may be queued.
    """

    __slots__ = ("_changes", "_folded", "_size", "_waiting", "_woken", "gap")

    def __init__(self, size: int) -> None:
        self._size = size
        self._changes: list[Change] = []
        self._folded: dict[RecordKey, Change] | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._woken = False
        self.gap = False

    def __len__(self) -> int:
        return len(self._changes) if self._folded is None else len(self._folded)

    def offer(self, change: Change) -> None:
        """Queue a change."""
        if self.gap:
            return
        if self._folded is None and len(self._changes) < self._size:
            self._changes.append(change)
        else:
            self._fold(change)
        self.wake()

    def lose(self) -> None:
        """Drop all changes and set `gap`."""
        self._changes, self._folded, self.gap = [], None, True
        self.wake()

    def take(self) -> list[Change]:
        """Return and remove all queued changes, in the log's order."""
        taken = self._changes if self._folded is None else list(self._folded.values())
        self._changes, self._folded = [], None
        return taken

    def wake(self) -> None:
        """Make the current or next `wait` return."""
        self._woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self) -> None:
        """Wait for a `wake` since the last wait."""
        if not self._woken:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        self._woken = False

    def _fold(self, change: Change) -> None:
        folded = {} if self._folded is None else self._folded
        waiting, self._changes = self._changes, []
        for each in (*waiting, change):
            older = folded.pop(each.key, None)
            folded[each.key] = each if older is None else each.folded_onto(older)
        self._folded = folded
        if len(folded) > self._size:
            self.lose()


class SubscriptionProgress:
    """How far the events of a subscription have been sent; subscription lifetime, from `begin` or `resume` on.

    Args:
        cursors: Seals the cursors.
        identity: The identity that the cursors are valid for.

    Attributes:
        position: Every change of the covered records up to here has been sent.
        covered: The records that have had their SNAPSHOT.
    """

    __slots__ = ("_cursors", "_epoch", "_identity", "_known", "_marks", "_problems", "covered", "position")

    def __init__(self, cursors: Cursors, identity: str) -> None:
        self._cursors = cursors
        self._identity = identity
        self._epoch = ""
        self._marks = b""
        self._known: set[bytes] = set()
        self._problems: dict[str, bytes] = {}
        self.position = 0
        self.covered: set[RecordKey] = set()

    def begin(self, epoch: str, position: int) -> None:
        """Begin, or begin again, with no record covered; reported problems stay reported.

        Args:
            epoch: The log's epoch.
            position: The log's current position.
        """
        self._epoch = epoch
        self._marks = b""
        self.position = position
        self.covered = set()

    def resume(self, point: ResumePoint, keys: Iterable[RecordKey]) -> None:
        """Resume at a point in the log.

        Args:
            point: Where an earlier subscription ended.
            keys: The records of this subscription.
        """
        self.begin(point.epoch, point.position)
        self._known = point.reported
        for key in point.covered(keys):
            self.cover(key)

    def cover(self, key: RecordKey) -> None:
        """Note that a record has had its SNAPSHOT, which ends its problem."""
        self.covered.add(key)
        self._known.discard(self._problems.pop(key.global_id, b""))
        self._marks += mark_of(key.global_id)

    def uncover(self, key: RecordKey) -> None:
        """Note that a record is owed another SNAPSHOT."""
        self.covered.discard(key)
        self._marks = b"".join(mark_of(one.global_id) for one in self.covered)

    def knows(self, code: str, id: str) -> bool:  # noqa: A002 - the contract's name
        """Whether an earlier subscription has reported the same problem of an id.

        Args:
            code: The error's code; a problem with another code, such as after a change of rights, is reported anew.
            id: As the client gave it.
        """
        return _mark_of_problem(code, id) in self._known

    def note(self, code: str, id: str) -> None:  # noqa: A002 - the contract's name
        """Note a reported problem, which later cursors hold."""
        self._problems[id] = _mark_of_problem(code, id)

    def cursor(self, position: int | None = None) -> str:
        """Return the cursor that resumes after an event.

        Args:
            position: The position of the change, for a CHANGE event.
        """
        at = self.position if position is None else position
        return self._cursors.seal(
            self._identity, ResumePoint(self._epoch, at, self._marks, b"".join(self._problems.values()))
        )


def _mark_of_problem(code: str, id: str) -> bytes:  # noqa: A002 - the contract's name
    return mark_of(f"{code} {id}")
