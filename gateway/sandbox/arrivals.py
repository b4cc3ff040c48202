"""New records at intervals: however long the sandbox runs, there is something that moves, and no more than fits."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.sandbox.clock import Clock

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How records arrive; a value.

    Attributes:
        every_seconds: What lies between the beginnings of two records, in seconds of the clock.
        ahead: How many are there before they begin.
        kept: How many are there in all; the oldest make room.
    """

    every_seconds: float
    ahead: int
    kept: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record that arrives; a value.

    Attributes:
        number: From 0; what is made up about the record follows from it.
        arrives_at: From when on it is there.
        begins_at: When it begins to move.
    """

    number: int
    arrives_at: datetime
    begins_at: datetime


class Arrivals:
    """Adds records when they are due, and removes the oldest of them; simulator lifetime.

    Which there are at a moment follows from the clock alone, however often it is looked at.

    Args:
        start: When the first record begins.
        rhythm: How they arrive.
        add: Makes a record and takes it in; returns its id.
        remove: Takes the record with an id out.
    """

    def __init__(
        self, start: datetime, rhythm: Rhythm, add: Callable[[Arrival], str], remove: Callable[[str], None]
    ) -> None:
        self._start = start
        self._rhythm = rhythm
        self._interval = timedelta(seconds=rhythm.every_seconds)
        self._add = add
        self._remove = remove
        self._present: deque[tuple[int, str]] = deque()
        self._next = 0

    def catch_up(self, now: datetime) -> None:
        """Add and remove what is due.

        Args:
            now: Not before that of the last call.
        """
        newest = (now - self._start) // self._interval + self._rhythm.ahead
        oldest = max(0, newest - self._rhythm.kept + 1)
        while self._present and self._present[0][0] < oldest:
            self._remove(self._present.popleft()[1])
        for number in range(max(self._next, oldest), newest + 1):
            self._present.append((number, self._add(self._arrival(number))))
        self._next = newest + 1

    def _arrival(self, number: int) -> Arrival:
        begins_at = self._start + number * self._interval
        arrives_at = max(self._start, begins_at - self._rhythm.ahead * self._interval)
        return Arrival(number, arrives_at, begins_at)


async def keep_arriving(
    arrivals: Sequence[Arrivals], clock: Clock, *, sleep: Sleep, every_seconds: float = 0.25
) -> None:
    """Let records arrive until cancelled.

    Args:
        arrivals: Those of all simulators.
        clock: What they go by.
        sleep: Waits for real seconds between two looks at the clock.
        every_seconds: How many.
    """
    while True:
        now = clock.now()
        for one in arrivals:
            one.catch_up(now)
        await sleep(every_seconds)
