"""What waits for one subscriber: bounded, whatever the subscriber does."""

import asyncio

from resolvers.events.changes import Change, RecordKey


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
