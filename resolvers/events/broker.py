"""Distributes the log's changes to the subscriptions of this process.

Each process reads the log once, through its `Broker`, however many subscriptions it has. A subscription attaches to the
records that it follows; the broker offers it every change of them, in the log's order, without waiting.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from resolvers.accounts import Account
from resolvers.events.changes import Change, RecordKey

logger = logging.getLogger(__name__)

MAX_LEFT: Final = 10_000
"""Records whose last subscription has ended that are remembered."""


class RecentlyFollowed:
    """The records whose last subscription has ended and may be resumed. Lifetime: process.

    Args:
        seconds: How long a record is remembered.
        clock: A monotonic clock, in seconds.
        size: How many records are remembered; the oldest are dropped first.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], size: int = MAX_LEFT) -> None:
        self._seconds = seconds
        self._clock = clock
        self._size = size
        self._left_at: OrderedDict[RecordKey, float] = OrderedDict()

    def __contains__(self, key: RecordKey) -> bool:
        """Whether a record's last subscriber left less than `seconds` ago."""
        left_at = self._left_at.get(key)
        return left_at is not None and self._clock() - left_at <= self._seconds

    def note(self, key: RecordKey) -> None:
        """Note that a record's last subscriber has left."""
        self._left_at[key] = self._clock()
        # The order is that of the last end, so the first one is the oldest.
        self._left_at.move_to_end(key)
        if len(self._left_at) > self._size:
            self._left_at.popitem(last=False)


class ChangeSink(Protocol):
    """A subscription, as the broker uses it. All methods return without waiting."""

    @property
    def queued(self) -> int:
        """The number of changes that it was offered and has not taken."""
        ...

    def offer(self, change: Change) -> None:
        """Accept a change of a followed record."""
        ...

    def recheck(self, key: RecordKey) -> None:
        """Read a record again, because it may be gone or unreadable."""
        ...

    def lose(self) -> None:
        """Note that the log was lost."""
        ...


class Watch:
    """A followed record. Lifetime: while a subscription of this process follows it.

    Args:
        account: The account that reads the record.
    """

    __slots__ = ("account", "sinks")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.sinks: dict[ChangeSink, None] = {}


class Broker:
    """The process's listener of the log. Lifetime: process.

    Args:
        on_change: Called with every change, before the subscriptions are.
        on_hint: Called with the kind and id of a record that may have changed.
        on_restart: Called when the log was lost, before the subscriptions are.
        recent: The records that were followed recently; None remembers none.
    """

    def __init__(
        self,
        on_change: Iterable[Callable[[Change], None]] = (),
        on_hint: Callable[[str, str], None] | None = None,
        on_restart: Callable[[], None] | None = None,
        recent: RecentlyFollowed | None = None,
    ) -> None:
        self._on_change = list(on_change)
        self._on_hint = on_hint
        self._on_restart = on_restart
        self._recent = recent
        self._watches: dict[RecordKey, Watch] = {}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.position = 0

    @property
    def watches(self) -> Mapping[RecordKey, Watch]:
        """The followed records of this process."""
        return self._watches

    @property
    def queued(self) -> int:
        """The number of changes that the subscriptions have not taken."""
        return sum(sink.queued for sink in self._sinks())

    def is_followed(self, key: RecordKey) -> bool:
        """Whether a record is followed here, or was followed recently by a subscriber that may resume."""
        # A subscriber that resumes expects the changes in between, and only what was read is in the log.
        return key in self._watches or (self._recent is not None and key in self._recent)

    def attach(self, sink: ChangeSink, account: Account, keys: Iterable[RecordKey]) -> None:
        """Offer every change of these records to the sink, from now on."""
        for key in keys:
            watch = self._watches.get(key)
            if watch is None:
                watch = self._watches[key] = Watch(account)
            # A dict serves as a set that keeps the order of attachment.
            watch.sinks[sink] = None

    def detach(self, sink: ChangeSink, keys: Iterable[RecordKey]) -> None:
        """Stop offering changes of these records to the sink."""
        for key in keys:
            watch = self._watches.get(key)
            if watch is not None:
                watch.sinks.pop(sink, None)
                if not watch.sinks:
                    del self._watches[key]
                    if self._recent is not None:
                        self._recent.note(key)

    async def reached(self, position: int) -> None:
        """Wait until every change up to a position has been offered."""
        if position > self.position:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append((position, waiting))
            await waiting

    def receive(self, changes: Sequence[Change], position: int) -> None:
        """Distribute the log's next changes."""
        for change in changes:
            for callback in self._on_change:
                _notify(callback, change)
            watch = self._watches.get(change.key)
            if watch is not None:
                for sink in watch.sinks:
                    sink.offer(change)
        self.position = position
        self._release(position)

    def hinted(self, kind: str, local_id: str) -> None:
        """Pass on a hint that a record may have changed."""
        if self._on_hint is not None:
            self._on_hint(kind, local_id)

    def recheck(self, key: RecordKey) -> None:
        """Make the subscriptions of a record read it again, because it may be gone or unreadable."""
        watch = self._watches.get(key)
        for sink in watch.sinks if watch is not None else ():
            sink.recheck(key)

    def restarted(self, position: int) -> None:
        """Notify every subscription that the log was lost."""
        self.position = position
        if self._on_restart is not None:
            self._on_restart()
        # Positions of the lost log will never be reached.
        self._release(None)
        # A subscription to several records is notified once.
        for sink in self._sinks():
            sink.lose()

    def _sinks(self) -> set[ChangeSink]:
        return {sink for watch in self._watches.values() for sink in watch.sinks}

    def _release(self, position: int | None) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for wanted, future in waiting:
                if position is not None and wanted > position:
                    self._waiting.append((wanted, future))
                # It is done if the subscription was cancelled while it waited.
                elif not future.done():
                    future.set_result(None)


def _notify(callback: Callable[[Change], None], change: Change) -> None:
    try:
        callback(change)
    except Exception:
        # One callback's failure must not keep the change from the other callbacks and the subscriptions.
        logger.exception("A change of %s could not be passed on.", change.key.global_id)


class Backlog:
    """The changes queued for one subscription. Lifetime: subscription.

    Up to `size`, every change is kept. Beyond it, the changes of each record are merged into its latest; if even those
    are too many, all are dropped and `gap` is set.

    Args:
        size: How many changes may be queued.
    """

    __slots__ = ("_changes", "_merged", "_size", "_waiting", "_woken", "gap")

    def __init__(self, size: int) -> None:
        self._size = size
        self._changes: list[Change] = []
        self._merged: dict[RecordKey, Change] | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._woken = False
        self.gap = False

    def __len__(self) -> int:
        return len(self._changes) if self._merged is None else len(self._merged)

    def offer(self, change: Change) -> None:
        """Queue a change."""
        # After the GAP every record is read again, so changes before it need not be kept.
        if self.gap:
            return
        # Once changes are merged, later ones are merged too, so that each record stays in order.
        if self._merged is None and len(self._changes) < self._size:
            self._changes.append(change)
        else:
            self._merge(change)
        self.wake()

    def lose(self) -> None:
        """Drop all changes and set `gap`."""
        self._changes, self._merged, self.gap = [], None, True
        self.wake()

    def take(self) -> list[Change]:
        """Return and remove all queued changes, in the log's order."""
        taken = self._changes if self._merged is None else list(self._merged.values())
        self._changes, self._merged = [], None
        return taken

    def wake(self) -> None:
        """Make the current or next `wait` return."""
        self._woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self) -> None:
        """Wait for a `wake` since the last wait."""
        # A wake between two waits must not be lost.
        if not self._woken:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        self._woken = False

    def _merge(self, change: Change) -> None:
        merged = {} if self._merged is None else self._merged
        waiting, self._changes = self._changes, []
        for each in (*waiting, change):
            # Popped and added again: the merged change takes its place in the log's order.
            older = merged.pop(each.key, None)
            merged[each.key] = each if older is None else each.merged_with(older)
        self._merged = merged
        if len(merged) > self._size:
            self.lose()
