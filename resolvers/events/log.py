"""The event log: every status change once, in order, kept for replay.

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
  (`since`). If the log has learnt a status of the record after that, nobody can say which is newer: OUTRUN, read again.
- An observation that the upstream dates before the known status, or that leaves a final status, may come from a lagging
  replica: LATE. It is accepted once a second read confirms it.

Positions are the versions at which changes were appended, so they increase but have gaps. A log that loses its content
begins a new `epoch`; positions of another epoch mean nothing. `history` replays the changes after a position, or says
that some are lost, which a subscription reports as a GAP.

There are two implementations: `MemoryEventLog` for one process, and `RedisEventLog`, whose scripts compare and append
atomically for all processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import msgspec

from resolvers.events.changes import Change, Observation, RecordKey


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
    """Receives what the log learns, in order, on the event loop; one per process, process lifetime."""

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

    def missed(self, key: RecordKey) -> None:
        """Make the record's subscriptions read it again: the upstream does not know it, or returned it unreadable."""
        ...

    def restarted(self, position: int) -> None:
        """Handle the loss of the log: earlier positions mean nothing now.

        Args:
            position: The position after which changes will be passed.
        """
        ...


class EventLog(Protocol):
    """Records status changes and replays them; process lifetime.

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

        The first observation of a record is a change only if it came by a webhook, which implies one.

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

    async def hint(self, kind: str, local_id: str) -> None:
        """Pass a hint that this record may have changed to the listeners of all processes."""
        ...

    async def miss(self, key: RecordKey) -> None:
        """Report to all listeners that the upstream does not know this record, or returned it unreadable."""
        ...


class LogUnreachable(Exception):
    """The log's server cannot be reached now; its content is not lost."""
