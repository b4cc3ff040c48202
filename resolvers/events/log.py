"""The event log: every status change once, in order, kept for replay. Its interface, and the log of one process.

Theory of operation
-------------------
Upstreams do not report changes; the gateway finds them by comparing. Each time a record is read (by a poll, after a
webhook, by a mutation) the result is an `Observation`, and the log compares it with the last status that it knows of
the record. If they differ, it appends a `Change` with the next position and passes it to its listener::

    poll, webhook, mutation -> Observation -> observe() -> Change -> LogListener (Broker) -> subscriptions
                                                 |
                                                 `-> Recorded: CHANGED, KNOWN, LATE or OUTRUN

Reads overlap, so an observation may be older than what the log knows. Two rules keep old statuses out:

- `version` counts up with every status that the log learns. An observation carries the version from before its read
  (`since`). If the log has learnt a status of the record after that, either may be newer: OUTRUN, read again.
- An observation that the upstream dates before the known status, or that leaves a final status, may come from a lagging
  replica: LATE. It is accepted once a second read confirms it.

Positions are the versions at which changes were appended, so they increase but have gaps. A log that loses its content
begins a new `epoch`; positions of another epoch mean nothing. `history` replays the changes after a position, or says
that some are lost, which a subscription reports as a GAP.

There are two implementations: `MemoryEventLog` below for one process, and `RedisEventLog` (redis_log.py), whose scripts
compare and append atomically for all processes. `is_late` states the second rule for both; the script repeats it.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from secrets import token_hex
from typing import Final, Protocol

import msgspec

from resolvers.events.changes import Change, Observation, RecordKey, upstream_time


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Retention of the log.

    Args:
        keep_seconds: How long a change can be replayed, and how long the status of a record is known.
        max_events: How many changes can be replayed.
    """

    keep_seconds: float = 86_400
    max_events: int = 100_000


class Verdict(Enum):
    """The result of comparing an observation with the log."""

    CHANGED = "CHANGED"
    """The status differs from the known one: a change was appended."""
    KNOWN = "KNOWN"
    """The status is the known one, or the first that the log learns of the record."""
    LATE = "LATE"
    """The upstream dates it before the known status: ignored, unless another read confirms it."""
    OUTRUN = "OUTRUN"
    """The log learnt another status during the read, so it is unknown which is newer: read again."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """The outcome of an observation.

    Args:
        verdict: The result of the comparison.
        position: The position of the record's last change in the log; 0 if there is none.
    """

    verdict: Verdict
    position: int


class LogListener(Protocol):
    """Receives what the log learns, in order, on the event loop; one per process. Lifetime: process."""

    def receive(self, changes: Sequence[Change], position: int) -> None:
        """Handle the next changes.

        Args:
            changes: The changes, in order.
            position: The position up to which all changes have been passed.
        """
        ...

    def hinted(self, kind: str, local_id: str) -> None:
        """Handle a hint that this record changed: a process that polls it should read it now."""
        ...

    def recheck(self, key: RecordKey) -> None:
        """Make the record's subscriptions read it again, because it may be gone or unreadable."""
        ...

    def restarted(self, position: int) -> None:
        """Handle the loss of the log: earlier positions mean nothing now.

        Args:
            position: The position after which changes will be passed.
        """
        ...


class EventLog(Protocol):
    """Records status changes and replays them. Lifetime: process.

    Methods raise `LogUnreachable` if the log's server cannot be reached.
    """

    @property
    def epoch(self) -> str:
        """Identifies the log's content; it changes when the content is lost."""
        ...

    @property
    def version(self) -> int:
        """The latest known version of the log, to be read before a record is; see `Observation.since`."""
        ...

    async def start(self, listener: LogListener) -> int:
        """Start to pass on to the listener what the log learns.

        Returns:
            The position after which changes will be passed.
        """
        ...

    async def close(self) -> None:
        """Stop passing on changes."""
        ...

    async def check(self) -> None:
        """Check, within seconds, that the log accepts changes now; new subscriptions rely on it."""
        ...

    async def observe(self, observations: Sequence[Observation]) -> list[Recorded]:
        """Compare each observation with the known status, and append a change if they differ, each atomically.

        The first observation of a record is a change only if it announces one.

        Returns:
            The outcome of each, in the same order.
        """
        ...

    async def history(self, keys: Sequence[RecordKey], after: int, epoch: str) -> list[Change] | None:
        """Return the changes of these records after a position, in order.

        Returns:
            None if changes after that position are lost, or the epoch is another.
        """
        ...

    async def keep_ids(self, digest: bytes, marks: bytes) -> None:
        """Keep the ids of a subscription as long as changes, for those who resume it with other ids.

        Args:
            digest: Names them.
            marks: Their marks; see `IdList`.
        """
        ...

    async def kept_ids(self, digest: bytes) -> bytes | None:
        """Return the marks of ids that were kept; None if they are lost."""
        ...

    async def last(self, key: RecordKey, position: int, epoch: str) -> Change | None:
        """Return the last change of a record at or before a position; None if it is lost, or the epoch is another."""
        ...

    async def hint(self, kind: str, local_id: str) -> None:
        """Pass a hint that this record may have changed to the listeners of all processes."""
        ...

    async def recheck(self, key: RecordKey) -> None:
        """Make the subscriptions of all processes read this record again, because it may be gone or unreadable."""
        ...


MAX_KEPT_IDS: Final = 5_000
"""Lists of ids that one process keeps in memory, of up to 2 KB each."""


class LogUnreachable(Exception):
    """The log's server cannot be reached now; its content is not lost."""


class _Known(msgspec.Struct):
    """The last known status of a record. Lifetime: until `keep_seconds` have passed without an observation."""

    observation: Observation
    version: int
    position: int
    touched_at: datetime


class MemoryEventLog:
    """The event log in the memory of one process, bounded by count and age. Lifetime: process.

    Args:
        config: Retention.
        now: The wall clock.
        epoch: The log's epoch; random if left out.
    """

    def __init__(self, config: LogConfig, now: Callable[[], datetime], epoch: str | None = None) -> None:
        self._keep = timedelta(seconds=config.keep_seconds)
        self._max_events = config.max_events
        self._now = now
        # Random, because a process that begins anew has none of the changes that cursors of the last one name.
        self.epoch = epoch or token_hex(8)
        self.version = 0
        self._last = 0
        self._floor = 0
        self._known: OrderedDict[RecordKey, _Known] = OrderedDict()
        self._changes: deque[tuple[datetime, Change]] = deque()
        # The changes of each record, so that `history` need not search all.
        self._of_record: defaultdict[RecordKey, deque[Change]] = defaultdict(deque)
        self._listener: LogListener | None = None
        self._ids: OrderedDict[bytes, bytes] = OrderedDict()

    async def start(self, listener: LogListener) -> int:
        """Start to pass changes to the listener."""
        self._listener = listener
        return self._last

    async def close(self) -> None:
        """Stop passing on changes."""
        self._listener = None

    async def check(self) -> None:
        """Do nothing: memory always accepts changes."""

    async def observe(self, observations: Sequence[Observation]) -> list[Recorded]:
        """Compare each observation with the known status, and append a change if they differ."""
        outcomes = [self._compare(observation) for observation in observations]
        self._trim()
        return outcomes

    async def history(self, keys: Sequence[RecordKey], after: int, epoch: str) -> list[Change] | None:
        """Return the changes of these records after a position; None if some are lost."""
        self._trim()
        # Before the floor changes are dropped, and a position after the last was never given out.
        if epoch != self.epoch or not self._floor <= after <= self._last:
            return None
        found = [change for key in keys for change in self._of_record.get(key, ()) if change.position > after]
        return sorted(found, key=lambda change: change.position)

    async def keep_ids(self, digest: bytes, marks: bytes) -> None:
        """Keep the ids of a subscription; of `MAX_KEPT_IDS` the oldest make room."""
        self._ids[digest] = marks
        self._ids.move_to_end(digest)
        if len(self._ids) > MAX_KEPT_IDS:
            self._ids.popitem(last=False)

    async def kept_ids(self, digest: bytes) -> bytes | None:
        """Return the marks of ids that were kept; None if they are lost."""
        return self._ids.get(digest)

    async def last(self, key: RecordKey, position: int, epoch: str) -> Change | None:
        """Return the last change of a record at or before a position; None if it is lost."""
        self._trim()
        found = [one for one in self._of_record.get(key, ()) if one.position <= position]
        return found[-1] if found and epoch == self.epoch else None

    async def hint(self, kind: str, local_id: str) -> None:
        """Pass a hint that this record may have changed to the listener."""
        if self._listener is not None:
            self._listener.hinted(kind, local_id)

    async def recheck(self, key: RecordKey) -> None:
        """Make the listener's subscriptions read this record again."""
        if self._listener is not None:
            self._listener.recheck(key)

    def _compare(self, observation: Observation) -> Recorded:
        key, known = observation.key, self._known.get(observation.key)
        if known is None:
            return self._note_first(observation)
        # The statuses are kept in the order of their last observation, for `_trim`.
        self._known.move_to_end(key)
        known.touched_at = self._now()
        # Before the check of versions: whichever of two overlapping reads is newer, both found this status.
        if known.observation.has_status_of(observation):
            return Recorded(Verdict.KNOWN, known.position)
        if known.version > observation.since:
            return Recorded(Verdict.OUTRUN, known.position)
        if not observation.confirmed and is_late(observation, known.observation):
            return Recorded(Verdict.LATE, known.position)
        return self._append(observation, known.observation)

    def _note_first(self, observation: Observation) -> Recorded:
        if observation.announces:
            # The status before it is not known.
            return self._append(observation, None)
        self.version += 1
        # A first status has a version too, so that an overlapping read of another status is OUTRUN.
        self._known[observation.key] = _Known(observation, self.version, 0, self._now())
        return Recorded(Verdict.KNOWN, 0)

    def _append(self, observation: Observation, previous: Observation | None) -> Recorded:
        self.version += 1
        self._last = self.version
        change = Change(
            position=self.version,
            key=observation.key,
            record=observation.record,
            source=observation.source,
            occurred_at=upstream_time(observation.record) or observation.read_at,
            previous_raw_status=previous.record.raw_status if previous else None,
            previous_progress=previous.record.progress if previous else None,
            noticed_at=observation.noticed_at,
        )
        self._known[observation.key] = _Known(observation, self.version, self.version, self._now())
        self._changes.append((self._now(), change))
        self._of_record[observation.key].append(change)
        if self._listener is not None:
            self._listener.receive([change], self.version)
        return Recorded(Verdict.CHANGED, self.version)

    def _trim(self) -> None:
        oldest = self._now() - self._keep
        while self._changes and (len(self._changes) > self._max_events or self._changes[0][0] < oldest):
            change = self._changes.popleft()[1]
            self._floor = change.position
            of_record = self._of_record[change.key]
            of_record.popleft()
            # Records come and go; empty deques would accumulate.
            if not of_record:
                del self._of_record[change.key]
        while self._known and (
            len(self._known) > self._max_events or next(iter(self._known.values())).touched_at < oldest
        ):
            self._known.popitem(last=False)


def is_late(observation: Observation, known: Observation) -> bool:
    """Return whether an observation may come from a replica of the upstream that lags behind the known status.

    That is so if the upstream dates it earlier, or if it leaves a final status and is not dated later.
    """
    changed_at, known_changed_at = upstream_time(observation.record), upstream_time(known.record)
    dated_later = bool(changed_at and known_changed_at and changed_at > known_changed_at)
    dated_before = bool(changed_at and known_changed_at and changed_at < known_changed_at)
    leaves_final = known.record.final and not observation.record.final
    return dated_before or (leaves_final and not dated_later)
