"""The interface of the event log, which has two backends: one in the process, one in Redis."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import msgspec

from resolvers.events.changes import Change, Observation, RecordKey


@dataclass(frozen=True, slots=True)
class LogConfig:
    """How much the log keeps.

    Args:
        keep_seconds: How long a change can be replayed, and how long the state of a record is known.
        max_events: How many changes can be replayed.
    """

    keep_seconds: float = 86_400
    max_events: int = 100_000


class Verdict(Enum):
    """What the log made of an observation."""

    CHANGED = "CHANGED"
    """It differs from what the log knew: there is a new event."""
    KNOWN = "KNOWN"
    """It is what the log knew, or the first that the log hears of the record."""
    LATE = "LATE"
    """The upstream itself dates it before what the log knew: ignored, unless another read confirms it."""
    OUTRUN = "OUTRUN"
    """The log learnt of another change while it was being read, so nobody can say which is newer: read again."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """What became of an observation.

    Args:
        verdict: What the log made of it.
        position: Of the record's last change in the log; 0 where there is none.
    """

    verdict: Verdict
    position: int


class LogListener(Protocol):
    """Whoever is told what the log learns, once a process, in the log's order; called on the event loop."""

    def receive(self, changes: Sequence[Change], position: int) -> None:
        """Take the next changes.

        Args:
            changes: In order.
            position: Up to where the log has been told now.
        """
        ...

    def hinted(self, kind: str, local_id: str) -> None:
        """Somebody has heard that this record changed, and whoever polls it should read it now."""
        ...

    def missed(self, key: RecordKey) -> None:
        """The upstream has just denied that there is such a record, or garbled it: who follows it should see itself."""
        ...

    def restarted(self, position: int) -> None:
        """The log was lost and began anew: positions from before mean nothing now.

        Args:
            position: After which it will tell of changes.
        """
        ...


class EventLog(Protocol):
    """Every status change once, in order per record; process lifetime.

    Methods raise `LogUnreachable` where the log is elsewhere and cannot be asked now.
    """

    @property
    def epoch(self) -> str:
        """Which life of the log this is: it changes when the log is lost."""
        ...

    @property
    def version(self) -> int:
        """A number that the log is known to have reached, to be noted before a record is read; see `Observation`."""
        ...

    async def start(self, listener: LogListener) -> int:
        """Begin to tell the listener what the log learns from now on.

        Returns:
            The position after which it will be told.
        """
        ...

    async def close(self) -> None:
        """Stop telling."""
        ...

    async def check(self) -> None:
        """Make sure, within seconds, that the log takes changes now; a subscription that begins relies on it."""
        ...

    async def observe(self, observations: Sequence[Observation]) -> list[Recorded]:
        """Compare what was read with what is known, and append what differs, each atomically.

        The first observation of a record is an event only where it came by a webhook, which says that it changed.

        Returns:
            What became of each, in that order.
        """
        ...

    async def history(self, keys: Sequence[RecordKey], after: int, epoch: str) -> list[Change] | None:
        """The changes of these records after a position, in the log's order.

        Returns:
            None where something after that position was there and is lost, or the epoch is another.
        """
        ...

    async def hint(self, kind: str, local_id: str) -> None:
        """Tell every process's listener that this record may have changed."""
        ...

    async def miss(self, key: RecordKey) -> None:
        """Tell every process's listener that the upstream does not know this record, or answers it unreadably."""
        ...


class LogUnreachable(Exception):
    """The log is elsewhere and cannot be asked now; what it holds is not lost."""
