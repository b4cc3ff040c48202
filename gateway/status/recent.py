"""What a process remembers of the last minute: how its counters grew, and the operations that failed or were slow.

Theory of operation
-------------------
Counters of the process only grow. Every few seconds all of them are copied; what they say about the last minute is the
difference between now and the oldest copy that is kept::

    copies:   |----|----|----|----|   now
              ^                       ^
              oldest, at most `WINDOW_SECONDS` old

So nothing is added to the path of an operation or a call, and rates and durations of several workers are added up as
numbers: histograms are lists of counts with the same bounds.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from gateway.telemetry.operation_metrics import caller_label

WINDOW_SECONDS: Final = 60.0
"""How far back the copies go."""

COPY_SECONDS: Final = 5.0
"""Between two copies."""

MAX_OPERATIONS: Final = 50
"""Kinds of slow or failed operations that are remembered."""

MAX_DOCUMENT_LENGTH: Final = 80
"""Characters of a document's name; a hash has 64, but ids of persisted documents are what clients send."""

Numbers: TypeAlias = list[float]
Counted: TypeAlias = dict[tuple[str, ...], Numbers]
"""Counters by name, such as `("calls", "SMS", "200")`; those of the same name always have as many numbers."""


def added(parts: Iterable[Counted]) -> Counted:
    """Return the sums of counters by name."""
    sums: Counted = {}
    for part in parts:
        for name, numbers in part.items():
            known = sums.get(name)
            sums[name] = list(numbers) if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
    return sums


def grown(now: Counted, before: Counted) -> Counted:
    """Return by how much counters grew, without those that did not."""
    differences: Counted = {}
    for name, numbers in now.items():
        old = before.get(name)
        new = list(numbers) if old is None else [a - b for a, b in zip(numbers, old, strict=True)]
        # Most counters stand still for a minute, and workers send these to each other.
        if any(new):
            differences[name] = new
    return differences


class Window:
    """How counters grew in the last minute. Lifetime: process.

    Args:
        read: Returns the counters as they are now.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, read: Callable[[], Counted], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._copies: deque[tuple[float, Counted]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Copy the counters now and every `COPY_SECONDS`."""
        # At once, so that the first minute has a beginning too.
        self.copy()
        self._timer = asyncio.get_running_loop().call_later(COPY_SECONDS, self.start)

    def stop(self) -> None:
        """End the copies."""
        if self._timer is not None:
            self._timer.cancel()

    def copy(self) -> None:
        """Copy the counters, and drop the copies that are too old."""
        now = self._clock()
        self._copies.append((now, self._read()))
        while now - self._copies[0][0] > WINDOW_SECONDS:
            self._copies.popleft()

    def last(self) -> tuple[float, Counted]:
        """Return the length of the window in seconds, and by how much the counters grew in it."""
        if not self._copies:
            return 0.0, {}
        began, before = self._copies[0]
        return self._clock() - began, grown(self._read(), before)


class SlowOperation(msgspec.Struct, array_like=True):
    """An operation that failed or was slow, and how often lately; a value between workers.

    Args:
        operation: Its name in the document; None where it has none.
        document: The SHA-256 of the last one's document, or the id that the client sent.
        caller: An API key by its name, all others by their kind.
        outcome: As in the log.
        codes: Of its errors.
        count: How often it ended so since the worker remembers it.
        milliseconds: Its longest duration.
        calls: Upstream calls of the last one, by upstream.
        at: When the last one ended, in seconds since 1970.
    """

    operation: str | None
    document: str | None
    caller: str
    outcome: str
    codes: list[str]
    count: int
    milliseconds: float
    calls: dict[str, int]
    at: float

    @property
    def kind(self) -> tuple[str | None, ...]:
        """What operations have in common that are counted as the same."""
        # By its name where it has one, because the documents of some clients differ in an id each time.
        return self.operation or self.document, self.caller, self.outcome, *self.codes

    def counted_with(self, earlier: "SlowOperation") -> "SlowOperation":
        """Return this one with the count and the duration of an earlier one as well."""
        longest = max(self.milliseconds, earlier.milliseconds)
        return msgspec.structs.replace(self, count=self.count + earlier.count, milliseconds=longest)


def same_operations_counted(found: Iterable[SlowOperation], most: int) -> list[SlowOperation]:
    """Return operations with those that are the same put together, the last one first.

    Args:
        found: The operations.
        most: How many are returned.
    """
    kept: dict[tuple[str | None, ...], SlowOperation] = {}
    for one in sorted(found, key=lambda operation: -operation.at):
        known = kept.setdefault(one.kind, one)
        if known is not one:
            kept[one.kind] = known.counted_with(one)
    return list(kept.values())[:most]


class RecentOperations:
    """The last operations that failed or were slow; the same again is counted. Lifetime: process.

    Args:
        now: The wall clock, in seconds since 1970.
        most: How many are remembered.
    """

    def __init__(self, now: Callable[[], float] = time.time, most: int = MAX_OPERATIONS) -> None:
        self._now = now
        self._most = most
        self._kept: OrderedDict[tuple[str | None, ...], SlowOperation] = OrderedDict()

    @property
    def operations(self) -> list[SlowOperation]:
        """The operations, the last one first."""
        return list(reversed(self._kept.values()))

    def note(self, fields: Mapping[str, Any]) -> None:
        """Remember an operation by the fields of its line in the log."""
        one = self._read(fields)
        # Counted, because one client that repeats a mistake would push out everything else.
        known = self._kept.pop(one.kind, None)
        self._kept[one.kind] = one if known is None else one.counted_with(known)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _read(self, fields: Mapping[str, Any]) -> SlowOperation:
        document = fields["document"]
        return SlowOperation(
            fields["operation"],
            document[:MAX_DOCUMENT_LENGTH] if document else None,
            caller_label(fields["caller"]),
            fields["outcome"],
            [code for code in fields.get("codes") or () if code],
            1,
            fields["milliseconds"],
            fields["calls"],
            self._now(),
        )
