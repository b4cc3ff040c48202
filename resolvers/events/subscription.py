"""One subscription: SNAPSHOTs, what was missed, CHANGEs, and GAPs where something is lost."""

from collections.abc import AsyncGenerator, Iterator, Sequence

from resolvers.accounts import Account
from resolvers.errors import GatewayError, NoSuchRecord, UpstreamBadAnswer, UpstreamUnconfigured
from resolvers.events.changes import Change, RecordKey, TrackedRecord, upstream_moment
from resolvers.events.cursors import Place
from resolvers.events.log import LogUnreachable
from resolvers.events.reader import RecordRead
from resolvers.events.record_reads import Found, RecordReads
from resolvers.events.sources import Sources
from resolvers.events.start import Start
from resolvers.events.status_event import StatusEvent, StatusEventKind, problem_of
from resolvers.events.subscription_progress import Backlog, SubscriptionProgress


class Subscription:
    """Follows some records for one subscriber; subscription lifetime.

    A record is *owed* while its SNAPSHOT is not told, and *covered* from then on: cursors name the covered ones. It is
    *unread* until it was read once, which a resumed subscription needs too: nobody may have looked at the record while
    the subscriber was away.

    Args:
        sources: Where events come from.
        account: Reads the records.
        keys: Each once.
        refused: The other ids that were asked for, and what keeps them from being followed.
        start: Ends once each record was looked at and what was found is told; None where nobody wants to know.
    """

    __slots__ = (
        "_account",
        "_backlog",
        "_held_back",
        "_keys",
        "_looked",
        "_open",
        "_owed",
        "_progress",
        "_readings",
        "_refused",
        "_sources",
        "_start",
    )  # fmt: skip

    def __init__(
        self,
        sources: Sources,
        account: Account,
        keys: Sequence[RecordKey],
        refused: Sequence[tuple[str, GatewayError]] = (),
        start: Start | None = None,
    ) -> None:
        self._start = start
        self._looked = False
        self._sources = sources
        self._account = account
        self._keys = tuple(keys)
        self._refused = refused
        self._backlog = Backlog(sources.queue_size)
        self._open = set(keys)
        self._owed: dict[RecordKey, GatewayError | None] = dict.fromkeys(keys)
        self._progress = SubscriptionProgress(sources.cursors, account.identity)
        self._held_back: dict[RecordKey, Change] = {}
        self._readings = RecordReads(sources, account, self._backlog.wake, start)
        self._readings.begin(keys)

    async def events(self, after: Place | None) -> AsyncGenerator[StatusEvent, None]:
        """The events, until all records are final or cannot be followed.

        Args:
            after: Where to go on; None to begin.
        """
        broker = self._sources.broker
        self._begin() if after is None else self._resume(after)
        broker.attach(self, self._account, self._keys)
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
                ended = not self._open and not self._backlog.gap
                if self._start is not None and (self._looked or ended):
                    await self._start.end()
                if ended:
                    return
                self._readings.start(self._progress.position)
                await self._backlog.wait()
        finally:
            broker.detach(self, self._keys)
            self._readings.close()

    def offer(self, change: Change) -> None:
        """Take a change from the broker."""
        self._backlog.offer(change)

    def doubt(self, key: RecordKey) -> None:
        """Read a record once more: it may be gone or unreadable, and then that is told."""
        self._readings.read_again(key)
        self._backlog.wake()

    def lose(self) -> None:
        """Take note that the log was lost."""
        self._backlog.lose()

    def _begin(self) -> None:
        self._progress.begin(self._sources.log.epoch, self._sources.broker.position)

    def _resume(self, after: Place) -> None:
        """Go on where another subscription ended, without what it was told to be gone."""
        self._progress.resume(after, self._keys)
        for key in self._progress.covered:
            del self._owed[key]
        for key in self._keys:
            if self._progress.knows(NoSuchRecord.code, key.global_id):
                self._progress.note(NoSuchRecord.code, key.global_id)
                self._give_up(key)

    def _refusals(self) -> Iterator[StatusEvent]:
        for one, error in self._refused:
            yield from self._problem(error, one)

    async def _missed(self, after: Place) -> list[StatusEvent]:
        """What was missed; a GAP is told by the main loop."""
        missed = await self._history([*self._progress.covered], after)
        if missed is None:
            self._backlog.lose()
            return []
        self._progress.position = max(after.position, *(change.position for change in missed), 0)
        return [self._change(change) for change in missed]

    async def _history(self, covered: Sequence[RecordKey], after: Place) -> list[Change] | None:
        while True:
            try:
                return await self._sources.log.history(covered, after.position, after.epoch)
            except LogUnreachable:
                await self._readings.wait_to_retry()

    def _gap(self) -> StatusEvent:
        self._backlog.gap = False
        self._backlog.take()
        self._readings.begin(self._keys)
        self._held_back = {}
        self._owed = dict.fromkeys(self._keys)
        self._open = set(self._keys)
        self._begin()
        cursor = self._progress.cursor()
        return StatusEvent(kind=StatusEventKind.GAP, cursor=cursor, occurred_at=self._sources.now())

    def _news(self) -> Iterator[StatusEvent]:
        """What is to be told now; all of it stands at the broker's position at this moment."""
        position, progress = self._sources.broker.position, self._progress
        batch = self._backlog.take()
        found = self._readings.take()
        self._looked = self._looked or bool(found)
        for change in batch:
            if change.key in self._owed:
                self._held_back[change.key] = change
            elif change.key in progress.covered and change.position > progress.position:
                progress.position = change.position
                yield self._change(change)
        progress.position = max(progress.position, position)
        for key, reading in found.items():
            yield from self._judged(key, reading)
        if not self._readings.under_way:
            yield from self._snapshots(found)

    def _judged(self, key: RecordKey, reading: Found) -> Iterator[StatusEvent]:
        """Take a reading in; one that failed is told once, and tried again.

        Of a record that cannot be read any more, a SNAPSHOT is owed as of one that never could.
        """
        if reading is None:
            self._give_up(key)
            error = NoSuchRecord(f"There is nothing with the id {key.global_id}, for these credentials.")
            yield from self._problem(error, key.global_id)
        elif isinstance(reading, UpstreamUnconfigured):
            self._give_up(key)
            yield from self._problem(reading, key.global_id)
        elif isinstance(reading, RecordRead):
            self._readings.unread.discard(key)
            if reading.record.final and key in self._progress.covered:
                self._open.discard(key)
        else:
            if isinstance(reading, UpstreamBadAnswer) and key in self._progress.covered:
                self._progress.uncover(key)
                self._owed[key] = None
            if key in self._owed and self._owed[key] is None:
                self._owed[key] = reading
                yield from self._problem(reading, key.global_id)

    def _snapshots(self, found: dict[RecordKey, Found]) -> Iterator[StatusEvent]:
        for key in list(self._owed):
            reading, change = found.get(key), self._held_back.pop(key, None)
            if isinstance(reading, RecordRead) and (change is None or change.position <= reading.position):
                yield self._snapshot(key, reading.record)
            elif change is not None:
                yield self._snapshot(key, change.record)

    def _snapshot(self, key: RecordKey, record: TrackedRecord) -> StatusEvent:
        self._readings.unread.discard(key)
        self._owed.pop(key, None)
        self._progress.cover(key)
        self._settle(key, record)
        return StatusEvent(
            kind=StatusEventKind.SNAPSHOT,
            cursor=self._progress.cursor(),
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
            cursor=self._progress.cursor(change.position),
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
            self._readings.unread.discard(key)
        else:
            self._open.add(key)

    def _give_up(self, key: RecordKey) -> None:
        """Follow a record no more, because there is none or nobody to ask for it."""
        self._open.discard(key)
        self._readings.unread.discard(key)
        self._owed.pop(key, None)
        self._progress.covered.discard(key)
        self._keys = tuple(one for one in self._keys if one != key)
        self._sources.broker.detach(self, [key])

    def _problem(self, error: GatewayError, subject_id: str) -> Iterator[StatusEvent]:
        """The event of a problem, unless an earlier subscription was told of it."""
        known = self._progress.knows(error.code, subject_id)
        self._progress.note(error.code, subject_id)
        if not known:
            yield StatusEvent(
                kind=StatusEventKind.PROBLEM,
                cursor=self._progress.cursor(),
                occurred_at=self._sources.now(),
                problem=problem_of(error, subject_id),
            )
