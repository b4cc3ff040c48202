"""How far one subscription has got: the events that wait for it, bounded, and the cursor of those that were sent."""

import asyncio
from collections.abc import Iterable

from resolvers.events.changes import Change, RecordKey
from resolvers.events.cursors import Cursors, Place, mark_of


class Backlog:
    """Changes on their way to one subscriber; subscription lifetime.

    Within its size nothing is lost. Beyond it, changes of one record are folded into the latest; where that is not
    enough, all are dropped and `gap` says so.

    Args:
        size: How many changes may wait.
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
        """Take the next change."""
        if self.gap:
            return
        if self._folded is None and len(self._changes) < self._size:
            self._changes.append(change)
        else:
            self._fold(change)
        self.wake()

    def lose(self) -> None:
        """Drop everything: there is a gap from here."""
        self._changes, self._folded, self.gap = [], None, True
        self.wake()

    def take(self) -> list[Change]:
        """Everything that waits, in the log's order."""
        taken = self._changes if self._folded is None else list(self._folded.values())
        self._changes, self._folded = [], None
        return taken

    def wake(self) -> None:
        """End the wait."""
        self._woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self) -> None:
        """Wait until there is something new since the last wait."""
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
    """How far a subscriber has been told everything; subscription lifetime, from `begin` or `resume` on.

    Args:
        cursors: Seals it.
        identity: Whose cursors they are.

    Attributes:
        position: Every change up to here was told, of each record that is covered.
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
        """Begin, or begin anew, with no record covered; which problems there are stays told.

        Args:
            epoch: Of the log.
            position: Where the log stands.
        """
        self._epoch = epoch
        self._marks = b""
        self.position = position
        self.covered = set()

    def resume(self, place: Place, keys: Iterable[RecordKey]) -> None:
        """Go on at a place, in the log that it belongs to.

        Args:
            place: Where an earlier subscription ended.
            keys: What this one follows.
        """
        self.begin(place.epoch, place.position)
        self._known = place.told
        for key in place.covered(keys):
            self.cover(key)

    def cover(self, key: RecordKey) -> None:
        """Note that a record has had its SNAPSHOT, which ends the problem that it had."""
        self.covered.add(key)
        self._known.discard(self._problems.pop(key.global_id, b""))
        self._marks += mark_of(key.global_id)

    def uncover(self, key: RecordKey) -> None:
        """Note that a record has to have a SNAPSHOT once more."""
        self.covered.discard(key)
        self._marks = b"".join(mark_of(one.global_id) for one in self.covered)

    def knows(self, code: str, id: str) -> bool:  # noqa: A002 - the contract's name
        """Whether an earlier subscription was told that an id cannot be followed or read, for the same reason.

        Args:
            code: Of the error: what keeps a caller from an id may change, such as its rights, and is then told anew.
            id: As the client gave it.
        """
        return _mark_of_problem(code, id) in self._known

    def note(self, code: str, id: str) -> None:  # noqa: A002 - the contract's name
        """Note that this is told, and not to be told again behind the cursors from here on."""
        self._problems[id] = _mark_of_problem(code, id)

    def cursor(self, position: int | None = None) -> str:
        """Where to go on after an event.

        Args:
            position: Of the change that the event tells; left out for every other event.
        """
        at = self.position if position is None else position
        return self._cursors.seal(
            self._identity, Place(self._epoch, at, self._marks, b"".join(self._problems.values()))
        )


def _mark_of_problem(code: str, id: str) -> bytes:  # noqa: A002 - the contract's name
    return mark_of(f"{code} {id}")
