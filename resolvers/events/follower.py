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
from resolvers.events.bookmark import Bookmark
from resolvers.events.changes import Change, RecordKey, TrackedRecord, upstream_moment
from resolvers.events.cursors import Cursors, Place
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
        keys: Each once.
        refused: The other ids that were asked for, and what keeps them from being followed.
    """

    __slots__ = (
        "_account",
        "_backlog",
        "_bookmark",
        "_failures",
        "_held_back",
        "_keys",
        "_open",
        "_owed",
        "_reading",
        "_readings",
        "_refused",
        "_sources",
        "_unread",
    )  # fmt: skip

    def __init__(
        self,
        sources: Sources,
        account: Account,
        keys: Sequence[RecordKey],
        refused: Sequence[tuple[str, GatewayError]] = (),
    ) -> None:
        self._sources = sources
        self._account = account
        self._keys = tuple(keys)
        self._refused = refused
        self._backlog = Backlog(sources.queue_size)
        self._open = set(keys)
        self._owed: dict[RecordKey, GatewayError | None] = dict.fromkeys(keys)
        self._unread = set(keys)
        self._bookmark = Bookmark(sources.cursors, account.identity)
        self._readings: dict[RecordKey, Reading | GatewayError | None] = {}
        self._held_back: dict[RecordKey, Change] = {}
        self._reading: asyncio.Task[None] | None = None
        self._failures = 0

    async def events(self, after: Place | None) -> AsyncGenerator[StatusEvent | StatusProblem, None]:
        """The events, until all records are final or cannot be followed.

        Args:
            after: Where to go on; None to begin.
        """
        hub = self._sources.hub
        self._begin() if after is None else self._resume(after)
        hub.attach(self, self._account, self._keys)
        try:
            for problem in self._refusals():
                yield problem
            for event in await self._missed(after) if after is not None and self._keys else ():
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

    def _begin(self) -> None:
        self._bookmark.begin(self._sources.log.epoch, self._sources.hub.position)

    def _resume(self, after: Place) -> None:
        """Go on where another subscription ended, without what it was told to be gone."""
        self._bookmark.resume(after, self._keys)
        for key in self._bookmark.covered:
            del self._owed[key]
        for key in self._keys:
            if self._bookmark.knows(NoSuchRecord.code, key.global_id):
                self._give_up(key)

    def _refusals(self) -> Iterator[StatusProblem]:
        for one, error in self._refused:
            known = self._bookmark.knows(error.code, one)
            self._bookmark.note(error.code, one)
            if not known:
                yield self._problem(error, one)

    async def _missed(self, after: Place) -> list[StatusEvent]:
        """What was missed; a GAP is told by the main loop."""
        missed = await self._history([*self._bookmark.covered], after)
        if missed is None:
            self._backlog.lose()
            return []
        self._bookmark.position = max(after.position, *(change.position for change in missed), 0)
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
        self._owed = dict.fromkeys(self._keys)
        self._open, self._unread = set(self._keys), set(self._keys)
        self._begin()
        cursor = self._bookmark.cursor()
        return StatusEvent(kind=StatusEventKind.GAP, cursor=cursor, occurred_at=self._sources.now())

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
        await self._sources.hub.reached(max([self._bookmark.position, *positions]))
        failed = len(readings) < len(keys) or any(isinstance(one, GatewayError) for one in readings.values())
        self._failures = self._failures + 1 if failed else 0
        self._readings, self._reading = readings, None
        self._backlog.wake()

    def _retry_seconds(self) -> float:
        return min(FIRST_RETRY_SECONDS * 2.0 ** (self._failures - 1), MAX_RETRY_SECONDS)

    def _news(self) -> Iterator[StatusEvent | StatusProblem]:
        """What is to be told now; all of it stands at the hub's position at this moment."""
        position, bookmark = self._sources.hub.position, self._bookmark
        batch = self._backlog.take()
        readings, self._readings = self._readings, {}
        for change in batch:
            if change.key in self._owed:
                self._held_back[change.key] = change
            elif change.key in bookmark.covered and change.position > bookmark.position:
                bookmark.position = change.position
                yield self._change(change)
        bookmark.position = max(bookmark.position, position)
        for key, reading in readings.items():
            yield from self._judged(key, reading)
        if self._reading is None:
            yield from self._snapshots(readings)

    def _judged(self, key: RecordKey, reading: Reading | GatewayError | None) -> Iterator[StatusProblem]:
        """Take a reading in; one that failed is told once, and tried again."""
        if reading is None:
            self._give_up(key)
            error = NoSuchRecord(f"There is nothing with the id {key.global_id}, for these credentials.")
            yield self._problem(error, key.global_id)
        elif isinstance(reading, Reading):
            self._unread.discard(key)
            if reading.record.final and key in self._bookmark.covered:
                self._open.discard(key)
        elif key in self._owed and self._owed[key] is None:
            self._owed[key] = reading
            yield self._problem(reading, key.global_id)

    def _snapshots(self, readings: dict[RecordKey, Reading | GatewayError | None]) -> Iterator[StatusEvent]:
        for key in list(self._owed):
            reading, change = readings.get(key), self._held_back.pop(key, None)
            if isinstance(reading, Reading) and (change is None or change.position <= reading.position):
                yield self._snapshot(key, reading.record)
            elif change is not None:
                yield self._snapshot(key, change.record)

    def _snapshot(self, key: RecordKey, record: TrackedRecord) -> StatusEvent:
        self._unread.discard(key)
        self._owed.pop(key, None)
        self._bookmark.cover(key)
        self._settle(key, record)
        return StatusEvent(
            kind=StatusEventKind.SNAPSHOT,
            cursor=self._bookmark.cursor(),
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
            cursor=self._bookmark.cursor(change.position),
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

    def _give_up(self, key: RecordKey) -> None:
        """Follow a record no more, because there is none."""
        self._open.discard(key)
        self._unread.discard(key)
        self._owed.pop(key, None)
        self._bookmark.covered.discard(key)
        self._bookmark.note(NoSuchRecord.code, key.global_id)
        self._keys = tuple(one for one in self._keys if one != key)
        self._sources.hub.detach(self, [key])

    def _problem(self, error: GatewayError, id: str) -> StatusProblem:  # noqa: A002 - the contract's name
        return StatusProblem(error, id, self._bookmark.cursor())


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
