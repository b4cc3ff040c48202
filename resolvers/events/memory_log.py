"""The event log in the memory of one process."""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from secrets import token_hex

import msgspec

from resolvers.events.changes import Change, Observation, RecordKey, upstream_moment
from resolvers.events.log import LogConfig, LogListener, Recorded, Verdict
from resolvers.events.status_event import StatusEventSource


class _Known(msgspec.Struct):
    """The last known status of a record; dropped after `keep_seconds` without an observation."""

    observation: Observation
    version: int
    position: int
    touched_at: datetime


class MemoryEventLog:
    """Event log in a deque, bounded by count and age; process lifetime.

    Args:
        config: Retention.
        now: The wall clock.
        epoch: The log's epoch; random if left out.
    """

    def __init__(self, config: LogConfig, now: Callable[[], datetime], epoch: str | None = None) -> None:
        self._keep = timedelta(seconds=config.keep_seconds)
        self._max_events = config.max_events
        self._now = now
        self.epoch = epoch or token_hex(8)
        self.version = 0
        self._last = 0
        self._floor = 0
        self._known: OrderedDict[RecordKey, _Known] = OrderedDict()
        self._changes: deque[tuple[datetime, Change]] = deque()
        self._of_record: defaultdict[RecordKey, deque[Change]] = defaultdict(deque)
        self._listener: LogListener | None = None

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
        if epoch != self.epoch or not self._floor <= after <= self._last:
            return None
        found = [change for key in keys for change in self._of_record.get(key, ()) if change.position > after]
        return sorted(found, key=lambda change: change.position)

    async def hint(self, kind: str, local_id: str) -> None:
        """Pass a hint that this record may have changed to the listener."""
        if self._listener is not None:
            self._listener.hinted(kind, local_id)

    async def miss(self, key: RecordKey) -> None:
        """Pass on to the listener that the upstream does not know this record."""
        if self._listener is not None:
            self._listener.missed(key)

    def _compare(self, observation: Observation) -> Recorded:
        key, known = observation.key, self._known.get(observation.key)
        if known is None:
            return self._note_first(observation)
        self._known.move_to_end(key)
        known.touched_at = self._now()
        if known.observation.has_status_of(observation):
            return Recorded(Verdict.KNOWN, known.position)
        if known.version > observation.since:
            return Recorded(Verdict.OUTRUN, known.position)
        if not observation.confirmed and is_late(observation, known.observation):
            return Recorded(Verdict.LATE, known.position)
        return self._append(observation, known.observation)

    def _note_first(self, observation: Observation) -> Recorded:
        if observation.source is StatusEventSource.WEBHOOK:
            return self._append(observation, None)
        self.version += 1
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
            occurred_at=upstream_moment(observation.record) or observation.read_at,
            previous_raw_status=previous.record.raw_status if previous else None,
            previous_progress=previous.record.progress if previous else None,
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
            if not of_record:
                del self._of_record[change.key]
        while self._known and (
            len(self._known) > self._max_events or next(iter(self._known.values())).touched_at < oldest
        ):
            self._known.popitem(last=False)


def is_late(observation: Observation, known: Observation) -> bool:
    """Whether an observation is older than the known one by the upstream's own dates.

    A final status is left without confirmation only for a status that the upstream dates later.
    """
    moment, known_moment = upstream_moment(observation.record), upstream_moment(known.record)
    dated_later = bool(moment and known_moment and moment > known_moment)
    dated_before = bool(moment and known_moment and moment < known_moment)
    leaves_final = known.record.final and not observation.record.final
    return dated_before or (leaves_final and not dated_later)
