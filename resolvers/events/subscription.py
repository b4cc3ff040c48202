"""One subscription to the status of some records.

Theory of operation
-------------------
A subscription reads each record once and sends its SNAPSHOT; from then on it sends the CHANGEs that the broker offers::

    owed -- read, or a change arrives --> SNAPSHOT, covered -- changes --> CHANGE ...
      |                                       |
      |-- the read failed: PROBLEM, retried   |-- final status: no longer open
      `-- no such record: PROBLEM, dropped    `-- no longer readable: PROBLEM, owed again

A record is *owed* until its SNAPSHOT is sent, and *covered* afterwards; cursors hold the covered records. It is
*unread* until it has been read once. A resumed subscription reads its records too, because no process may have polled
them while the subscriber was away. The subscription ends when no record is *open*.

Changes wait in a bounded `Backlog`. If it overflows, or the log is lost, the subscription sends a GAP and begins
again: every record is owed.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec

from resolvers.accounts import Account
from resolvers.errors import GatewayError, NoSuchRecord, UpstreamBadAnswer, UpstreamUnconfigured
from resolvers.events.broker import Backlog
from resolvers.events.changes import Change, RecordKey, RecordRead, upstream_time
from resolvers.events.cursors import MAX_MARKS, ResumePoint, SubscriptionProgress
from resolvers.events.id_lists import IdList
from resolvers.events.interface import Start, StatusEvent, StatusEventKind, TrackedRecord, problem_of
from resolvers.events.log import LogUnreachable
from resolvers.events.subscription_reads import ReadResult, SubscriptionReads, SubscriptionServices
from resolvers.upstreams.call import CallContext

KEPT_AGAIN: Final = timedelta(hours=1)
"""After how long the log is asked again to keep the ids, far below the day for which it does by default."""


class Subscription:
    """Follows records for one subscriber. Lifetime: subscription.

    Args:
        services: The parts of the process that subscriptions share.
        account: The account that reads the records.
        keys: The records, each once.
        listed: All ids as the client gave them, those that cannot be followed too.
        refused: The ids that cannot be followed, with their errors.
        start: Ended once each record was read and reported; None charges no caller.
        carried: What the calls of its start carry of the subscription's request; None for nothing.
    """

    __slots__ = (
        "_account",
        "_backlog",
        "_held_back",
        "_kept_at",
        "_keys",
        "_listed",
        "_open",
        "_owed",
        "_progress",
        "_reads",
        "_refused",
        "_results_taken",
        "_services",
        "_start",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - what a client asks for, and on whose account
        self,
        services: SubscriptionServices,
        account: Account,
        keys: Sequence[RecordKey],
        listed: IdList,
        refused: Sequence[tuple[str, GatewayError]] = (),
        start: Start | None = None,
        carried: CallContext | None = None,
    ) -> None:
        self._start = start
        self._results_taken = False
        self._services = services
        self._account = account
        self._keys = tuple(keys)
        self._refused = refused
        self._backlog = Backlog(services.queue_size)
        self._open = set(keys)
        self._owed: dict[RecordKey, GatewayError | None] = dict.fromkeys(keys)
        self._listed = listed
        self._kept_at: datetime | None = None
        self._progress = SubscriptionProgress(services.cursors, account.identity, listed)
        self._held_back: dict[RecordKey, Change] = {}
        self._reads = SubscriptionReads(services, account, self._backlog.wake, start, carried)
        self._reads.begin(keys)

    async def events(self, after: ResumePoint | None) -> AsyncGenerator[StatusEvent, None]:
        """Iterate over the events, until all records are final or cannot be followed.

        Args:
            after: The resume point; None begins anew.
        """
        broker = self._services.broker
        if after is not None and after.listed:
            after = after.expanded(await self._ids_of(after.listed))
        await self._keep_ids()
        self._begin() if after is None else self._resume(after)
        # Before the history is read, so that no change falls between the two; `_next_events` drops duplicates by
        # position.
        broker.attach(self, self._account, self._keys)
        try:
            for problem in self._refusals():
                yield problem
            for event in await self._replay(after) if after is not None and self._keys else ():
                yield event
            while True:
                if self._backlog.gap:
                    yield self._gap()
                for event in self._next_events():
                    yield event
                # A GAP that has not been sent makes all records open again.
                ended = not self._open and not self._backlog.gap
                if self._start is not None and (self._results_taken or ended):
                    await self._start.end()
                if ended:
                    return
                self._reads.start(self._progress.position)
                await self._backlog.wait()
                await self._keep_ids()
        finally:
            broker.detach(self, self._keys)
            self._reads.close()

    @property
    def queued(self) -> int:
        """The number of changes that are queued."""
        return len(self._backlog)

    def offer(self, change: Change) -> None:
        """Queue a change from the broker."""
        self._backlog.offer(change)

    def recheck(self, key: RecordKey) -> None:
        """Read a record again: it may be gone or unreadable, which is then reported."""
        self._reads.read_again(key)
        self._backlog.wake()

    def lose(self) -> None:
        """Note that the log was lost."""
        self._backlog.lose()

    def _begin(self) -> None:
        self._progress.begin(self._services.log.epoch, self._services.broker.position)

    def _resume(self, after: ResumePoint) -> None:
        """Resume where another subscription ended, without the records that it reported as missing."""
        self._progress.resume(after, self._keys)
        for key in self._progress.covered:
            del self._owed[key]
        for key in self._keys:
            if self._progress.was_reported(NoSuchRecord.code, key.global_id):
                # The new cursors must hold it as well.
                self._progress.report(NoSuchRecord.code, key.global_id)
                self._stop_following(key)

    async def _keep_ids(self) -> None:
        """Let the log keep the ids that cursors refer to, if there are so many, and again before it forgets them."""
        now = self._services.now()
        if len(self._listed) <= MAX_MARKS or (self._kept_at is not None and now - self._kept_at < KEPT_AGAIN):
            return
        self._kept_at = now
        # Without the list, a cursor leads to a GAP where its client resumes with other ids, and to none with the same.
        with suppress(LogUnreachable):
            await self._services.log.keep_ids(self._listed.digest, self._listed.marks)

    async def _ids_of(self, digest: bytes) -> bytes | None:
        """Return the marks of the ids that a cursor refers to; None if they are lost."""
        if digest == self._listed.digest:
            return self._listed.marks
        while True:
            try:
                return await self._services.log.kept_ids(digest)
            except LogUnreachable:
                await self._reads.wait_to_retry()

    def _refusals(self) -> Iterator[StatusEvent]:
        for one, error in self._refused:
            yield from self._problem(error, one)

    async def _replay(self, after: ResumePoint) -> list[StatusEvent]:
        """Return the CHANGEs since the resume point; if some are lost, the main loop sends a GAP."""
        changes = await self._history([*self._progress.covered], after)
        if changes is None:
            self._backlog.lose()
            return []
        self._progress.position = max(after.position, *(change.position for change in changes), 0)
        # How long ago they were noticed says how long the subscriber was away, and not how late the gateway is.
        return [self._change(msgspec.structs.replace(change, noticed_at=0.0)) for change in changes]

    async def _history(self, covered: Sequence[RecordKey], after: ResumePoint) -> list[Change] | None:
        while True:
            try:
                return await self._services.log.history(covered, after.position, after.epoch)
            except LogUnreachable:
                # The subscriber waits: events sent before the missed changes would be out of order.
                await self._reads.wait_to_retry()

    def _gap(self) -> StatusEvent:
        self._backlog.gap = False
        self._backlog.take()
        self._reads.begin(self._keys)
        self._held_back = {}
        self._owed = dict.fromkeys(self._keys)
        # Each record gets a SNAPSHOT again, final ones too.
        self._open = set(self._keys)
        self._begin()
        cursor = self._progress.cursor()
        return StatusEvent(kind=StatusEventKind.GAP, cursor=cursor, occurred_at=self._services.now())

    def _next_events(self) -> Iterator[StatusEvent]:
        """Yield the events to send now, all of them at the broker's current position."""
        # Noted before the queues are emptied: what comes later is sent with the next events.
        position, progress = self._services.broker.position, self._progress
        if not self._backlog.gap:
            progress.carry_over(self._services.log.epoch)
        batch = self._backlog.take()
        found = self._reads.take()
        self._results_taken = self._results_taken or bool(found)
        for change in batch:
            if change.key in self._owed:
                # The SNAPSHOT comes first, and shows the record as it is after this change.
                self._held_back[change.key] = change
            elif change.key in progress.covered and change.position > progress.position:
                progress.position = change.position
                yield self._change(change)
        progress.position = max(progress.position, position)
        for key, result in found.items():
            yield from self._handle_result(key, result)
        if not self._reads.in_flight:
            yield from self._snapshots(found)

    def _handle_result(self, key: RecordKey, result: ReadResult) -> Iterator[StatusEvent]:
        """Handle the result of a read; a failure is reported once and retried.

        A record that can no longer be read is owed a SNAPSHOT again.
        """
        if result is None:
            self._stop_following(key)
            error = NoSuchRecord(f"There is nothing with the id {key.global_id}, for these credentials.")
            yield from self._problem(error, key.global_id)
        elif isinstance(result, UpstreamUnconfigured):
            self._stop_following(key)
            yield from self._problem(result, key.global_id)
        elif isinstance(result, RecordRead):
            self._reads.unread.discard(key)
            # A resumed subscription may have sent the final CHANGE before, so that no other will end it.
            if result.record.final and key in self._progress.covered:
                self._open.discard(key)
        else:
            if isinstance(result, UpstreamBadAnswer) and key in self._progress.covered:
                self._progress.owe(key)
                self._owed[key] = None
            if key in self._owed and self._owed[key] is None:
                # Only the first failure is reported, not those of the retries.
                self._owed[key] = result
                yield from self._problem(result, key.global_id)

    def _snapshots(self, found: dict[RecordKey, ReadResult]) -> Iterator[StatusEvent]:
        for key in list(self._owed):
            result, change = found.get(key), self._held_back.pop(key, None)
            if isinstance(result, RecordRead) and (change is None or change.position <= result.position):
                yield self._snapshot(key, result.record)
            elif change is not None:
                # The change is later than the read, or the read failed.
                yield self._snapshot(key, change.record)

    def _snapshot(self, key: RecordKey, record: TrackedRecord) -> StatusEvent:
        self._reads.unread.discard(key)
        self._owed.pop(key, None)
        self._progress.cover(key)
        self._update_open(key, record)
        return StatusEvent(
            kind=StatusEventKind.SNAPSHOT,
            cursor=self._progress.cursor(),
            occurred_at=upstream_time(record) or self._services.now(),
            node=record,
            progress=record.progress,
            raw_status=record.raw_status,
        )

    def _change(self, change: Change) -> StatusEvent:
        record = change.record
        self._update_open(change.key, record)
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
            noticed_at=change.noticed_at,
            calls=self._services.reader.calls_of(change),
        )

    def _update_open(self, key: RecordKey, record: TrackedRecord) -> None:
        if record.final:
            self._open.discard(key)
            self._reads.unread.discard(key)
        else:
            self._open.add(key)

    def _stop_following(self, key: RecordKey) -> None:
        """Stop following a record that does not exist, or whose upstream is not configured."""
        self._open.discard(key)
        self._reads.unread.discard(key)
        self._owed.pop(key, None)
        self._progress.covered.discard(key)
        self._keys = tuple(one for one in self._keys if one != key)
        self._services.broker.detach(self, [key])

    def _problem(self, error: GatewayError, subject_id: str) -> Iterator[StatusEvent]:
        """Yield the PROBLEM event, unless an earlier subscription has reported the problem."""
        known = self._progress.was_reported(error.code, subject_id)
        self._progress.report(error.code, subject_id)
        if not known:
            yield StatusEvent(
                kind=StatusEventKind.PROBLEM,
                cursor=self._progress.cursor(),
                occurred_at=self._services.now(),
                problem=problem_of(error, subject_id),
            )
