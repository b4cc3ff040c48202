"""Hands the log's changes to those who follow the records: one reader a process, however many subscribers."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from resolvers.accounts import Account
from resolvers.events.changes import Change, RecordKey
from resolvers.events.left import LeftRecords

logger = logging.getLogger(__name__)


class ChangeSink(Protocol):
    """A subscriber as the broker sees it."""

    def offer(self, change: Change) -> None:
        """Take a change of a record that is followed; must return at once."""
        ...

    def doubt(self, key: RecordKey) -> None:
        """Take note that there may be no such record any more."""
        ...

    def lose(self) -> None:
        """Take note that the log was lost."""
        ...


class Watch:
    """A record that somebody in this process follows; lives until nobody does.

    Args:
        account: Reads the record.
    """

    __slots__ = ("account", "sinks")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.sinks: dict[ChangeSink, None] = {}


class Broker:
    """The one listener of the log; process lifetime.

    Args:
        on_change: Told of every change before the subscribers are.
        on_hint: Told which record of which kind may have changed.
        on_restart: Told that the log was lost, before the subscribers are.
        left: What was followed here until lately; nothing is remembered where left out.
    """

    def __init__(
        self,
        on_change: Iterable[Callable[[Change], None]] = (),
        on_hint: Callable[[str, str], None] | None = None,
        on_restart: Callable[[], None] | None = None,
        left: LeftRecords | None = None,
    ) -> None:
        self._on_change = list(on_change)
        self._on_hint = on_hint
        self._on_restart = on_restart
        self._left = left
        self._watches: dict[RecordKey, Watch] = {}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.position = 0

    @property
    def watches(self) -> Mapping[RecordKey, Watch]:
        """What is followed in this process, by record."""
        return self._watches

    def may_tell_of(self, key: RecordKey) -> bool:
        """Whether a record is followed here, or was until lately by a subscriber who may come back."""
        return key in self._watches or (self._left is not None and key in self._left)

    def attach(self, sink: ChangeSink, account: Account, keys: Iterable[RecordKey]) -> None:
        """Offer every change of these records to the sink from now on."""
        for key in keys:
            watch = self._watches.get(key)
            if watch is None:
                watch = self._watches[key] = Watch(account)
            watch.sinks[sink] = None

    def detach(self, sink: ChangeSink, keys: Iterable[RecordKey]) -> None:
        """Offer it none of these any more."""
        for key in keys:
            watch = self._watches.get(key)
            if watch is not None:
                watch.sinks.pop(sink, None)
                if not watch.sinks:
                    del self._watches[key]
                    if self._left is not None:
                        self._left.note(key)

    async def reached(self, position: int) -> None:
        """Wait until every change up to a position was offered."""
        if position > self.position:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append((position, waiting))
            await waiting

    def receive(self, changes: Sequence[Change], position: int) -> None:
        """Take the log's next changes."""
        for change in changes:
            for told in self._on_change:
                _tell(told, change)
            watch = self._watches.get(change.key)
            if watch is not None:
                for sink in watch.sinks:
                    sink.offer(change)
        self.position = position
        self._release(position)

    def hinted(self, kind: str, local_id: str) -> None:
        """Pass on that a record may have changed."""
        if self._on_hint is not None:
            self._on_hint(kind, local_id)

    def missed(self, key: RecordKey) -> None:
        """Let those who follow a record see for themselves whether it is gone."""
        watch = self._watches.get(key)
        for sink in watch.sinks if watch is not None else ():
            sink.doubt(key)

    def restarted(self, position: int) -> None:
        """Tell every subscriber that the log was lost."""
        self.position = position
        if self._on_restart is not None:
            self._on_restart()
        self._release(None)
        for sink in {sink for watch in self._watches.values() for sink in watch.sinks}:
            sink.lose()

    def _release(self, position: int | None) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for wanted, future in waiting:
                if position is not None and wanted > position:
                    self._waiting.append((wanted, future))
                elif not future.done():
                    future.set_result(None)


def _tell(told: Callable[[Change], None], change: Change) -> None:
    """One part that fails must not keep the change from the others."""
    try:
        told(change)
    except Exception:
        logger.exception("A change of %s could not be passed on.", change.key.global_id)
