"""One subscription: SNAPSHOTs, what was missed, CHANGEs, and GAPs where something is lost."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from resolvers.accounts import Account
from resolvers.errors import GatewayError, NoSuchRecord
from resolvers.events.backlog import Backlog
from resolvers.events.changes import Change, RecordKey, TrackedRecord, upstream_moment
from resolvers.events.cursors import Cursors, Place, mark_of
from resolvers.events.hub import Hub
from resolvers.events.log import EventLog, LogUnreachable
from resolvers.events.reader import Reader, Reading
from resolvers.events.status_event import StatusEvent, StatusEventKind, StatusProblem

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 2.0
MAX_RETRY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a subscription gets what it tells; lives as long as its process.

    Args:
        log: Replays.
        hub: Offers changes.
        reader: Reads SNAPSHOTs.
        cursors: Seals and opens cursors.
        now: The wall clock.
        sleep: Waits before a read that failed is tried again.
        queue_size: How many changes may wait for one subscriber.
    """

    log: EventLog
    hub: Hub
    reader: Reader
    cursors: Cursors
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    queue_size: int


class Follower:
    """Follows some records for one subscriber; lives as long as the subscription.

    A record is *owed* while its SNAPSHOT is not told, and *covered* from then on: cursors name the covered ones. It is
    *unread* until it was read once, which a resumed subscription needs too: nobody may have looked at the record while
    the subscriber was away.

    Args:
        sources: Where events come from.
        account: Reads the records.
        keys: At least one, each once.
    """

    __slots__ = (
        "_account",
        "_backlog",
        "_covered",
        "_epoch",
        "_failures",
        "_held_back",
        "_keys",
        "_marks",
        "_open",
        "_owed",
        "_reading",
        "_readings",
        "_sources",
        "_told",
        "_unread",
    )  # fmt: skip

    def __init__(self, sources: Sources, account: Account, keys: Sequence[RecordKey]) -> None:
        self._sources = sources
        self._account = account
        self._keys = tuple(keys)
        self._backlog = Backlog(sources.queue_size)
        self._open = set(keys)
        self._owed: dict[RecordKey, GatewayError | None] = dict.fromkeys(keys)
        self._unread = set(keys)
        self._epoch = sources.log.epoch
        self._covered: set[RecordKey] = set()
        self._marks = b""
        self._readings: dict[RecordKey, Reading | GatewayError | None] = {}
        self._held_back: dict[RecordKey, Change] = {}
        self._reading: asyncio.Task[None] | None = None
        self._failures = 0
        self._told = 0

    async def events(self, after: Place | None) -> AsyncGenerator[StatusEvent | StatusProblem, None]:
        """The events, until all records are final or cannot be followed.

        Args:
            after: Where to go on; None to begin.
        """
        hub = self._sources.hub
        hub.attach(self, self._account, self._keys)
        try:
            for event in await self._resumed(after) if after else ():
                yield event
            while True:
                if self._backlog.gap:
                    yield self._gap()
                for news in self._news():
                    yield news
                if not self._open and not self._backlog.gap:
                    return
                self._start_reading()
                await self._backlog.wait()
        finally:
            hub.detach(self, self._keys)
            if self._reading is not None:
                self._reading.cancel()

    def offer(self, change: Change) -> None:
        """Take a change from the hub."""
        self._backlog.offer(change)

    def doubt(self, key: RecordKey) -> None:
        """Read a record once more: it may be gone, and then that is told."""
        self._unread.add(key)
        self._backlog.wake()

    def lose(self) -> None:
        """Take note that the log was lost."""
        self._backlog.lose()

    async def _resumed(self, after: Place) -> list[StatusEvent]:
        """What was missed; a GAP is told by the main loop."""
        covered = after.covered(self._keys)
        missed = await self._history(covered, after)
        if missed is None:
            self._backlog.lose()
            return []
        self._told = max(after.position, *(change.position for change in missed), 0)
        for key in covered:
            self._cover(key)
        return [self._change(change) for change in missed]

    async def _history(self, covered: Sequence[RecordKey], after: Place) -> list[Change] | None:
        while True:
            try:
                return await self._sources.log.history(covered, after.position, after.epoch)
            except LogUnreachable:
                self._failures += 1
                await self._sources.sleep(self._retry_seconds())

    def _gap(self) -> StatusEvent:
        self._backlog.gap = False
        self._backlog.take()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        self._readings, self._held_back = {}, {}
        self._covered, self._marks = set(), b""
        self._owed = dict.fromkeys(self._keys)
        self._open, self._unread = set(self._keys), set(self._keys)
        self._epoch, self._told = self._sources.log.epoch, self._sources.hub.position
        return StatusEvent(kind=StatusEventKind.GAP, cursor=self._cursor(self._told), occurred_at=self._sources.now())

    def _start_reading(self) -> None:
        if self._unread and self._reading is None and not self._readings:
            self._reading = asyncio.create_task(self._read(list(self._unread)))

    async def _read(self, keys: Sequence[RecordKey]) -> None:
        """Read what is unread, and wake the main loop once the hub has offered all that the reads have found."""
        if self._failures:
            await self._sources.sleep(self._retry_seconds())
        futures = [self._sources.reader.look(self._account, key) for key in keys]
        await asyncio.wait(futures)
        readings: dict[RecordKey, Reading | GatewayError | None] = {}
        for key, future in zip(keys, futures, strict=True):
            found = _result(key, future)
            if not isinstance(found, LogUnreachable):
                readings[key] = found
        positions = [reading.position for reading in readings.values() if isinstance(reading, Reading)]
        await self._sources.hub.reached(max([self._told, *positions]))
        failed = len(readings) < len(keys) or any(isinstance(one, GatewayError) for one in readings.values())
        self._failures = self._failures + 1 if failed else 0
        self._readings, self._reading = readings, None
        self._backlog.wake()

    def _retry_seconds(self) -> float:
        return min(FIRST_RETRY_SECONDS * 2.0 ** (self._failures - 1), MAX_RETRY_SECONDS)

    def _news(self) -> Iterator[StatusEvent | StatusProblem]:
        """What is to be told now; all of it stands at the hub's position at this moment."""
        position = self._sources.hub.position
        batch = self._backlog.take()
        readings, self._readings = self._readings, {}
        for change in batch:
            if change.key in self._owed:
                self._held_back[change.key] = change
            elif change.key in self._covered and change.position > self._told:
                self._told = change.position
                yield self._change(change)
        for key, reading in readings.items():
            yield from self._judged(key, reading)
        self._told = max(self._told, position)
        if self._reading is None:
            yield from self._snapshots(readings)

    def _judged(self, key: RecordKey, reading: Reading | GatewayError | None) -> Iterator[StatusProblem]:
        """Take a reading in; one that failed is told once, and tried again."""
        if reading is None:
            error = NoSuchRecord(f"There is nothing with the id {key.global_id}, for these credentials.")
            self._give_up(key)
            yield StatusProblem(error, key.global_id)
        elif isinstance(reading, Reading):
            self._unread.discard(key)
            if reading.record.final and key in self._covered:
                self._open.discard(key)
        elif key in self._owed and self._owed[key] is None:
            self._owed[key] = reading
            yield StatusProblem(reading, key.global_id)

    def _snapshots(self, readings: dict[RecordKey, Reading | GatewayError | None]) -> Iterator[StatusEvent]:
        for key in list(self._owed):
            reading, change = readings.get(key), self._held_back.pop(key, None)
            if isinstance(reading, Reading) and (change is None or change.position <= reading.position):
                yield self._snapshot(key, reading.record)
            elif change is not None:
                yield self._snapshot(key, change.record)

    def _snapshot(self, key: RecordKey, record: TrackedRecord) -> StatusEvent:
        self._unread.discard(key)
        self._cover(key)
        self._settle(key, record)
        return StatusEvent(
            kind=StatusEventKind.SNAPSHOT,
            cursor=self._cursor(self._told),
            occurred_at=upstream_moment(record) or self._sources.now(),
            node=record,
            progress=record.progress,
            raw_status=record.raw_status,
        )

    def _change(self, change: Change) -> StatusEvent:
        record = change.record
        self._settle(change.key, record)
        return StatusEvent(
            kind=StatusEventKind.CHANGE,
            cursor=self._cursor(change.position),
            occurred_at=change.occurred_at,
            node=record,
            progress=record.progress,
            previous_progress=change.previous_progress,
            raw_status=record.raw_status,
            previous_raw_status=change.previous_raw_status,
            source=change.source,
        )

    def _settle(self, key: RecordKey, record: TrackedRecord) -> None:
        if record.final:
            self._open.discard(key)
            self._unread.discard(key)
        else:
            self._open.add(key)

    def _cover(self, key: RecordKey) -> None:
        self._owed.pop(key, None)
        self._covered.add(key)
        self._marks += mark_of(key)

    def _give_up(self, key: RecordKey) -> None:
        self._open.discard(key)
        self._unread.discard(key)
        self._owed.pop(key, None)
        self._covered.discard(key)
        self._keys = tuple(one for one in self._keys if one != key)
        self._sources.hub.detach(self, [key])

    def _cursor(self, position: int) -> str:
        sources = self._sources
        return sources.cursors.seal(self._account.identity, self._epoch, position, self._marks)


def _result(key: RecordKey, future: "asyncio.Future[Reading | None]") -> Reading | GatewayError | LogUnreachable | None:
    try:
        return future.result()
    except (GatewayError, LogUnreachable) as error:
        return error
    except asyncio.CancelledError:
        return LogUnreachable(f"The read of {key.global_id} was given up.")
    except Exception as error:
        logger.exception("%s could not be read for its subscribers.", key.global_id)
        return LogUnreachable(str(error))
