"""Made-up records: random values that repeat, and records that arrive at a fixed interval while the sandbox runs.

Theory of operation: the values of a record are drawn from a generator that is seeded with the record's own number, so
they are the same in every process and in any order. Record number n begins at `start + n * interval`, and the oldest
records are removed, so the set of records at any time follows from the clock only: it does not matter how often
`Arrivals.catch_up` is called or how far the clock was advanced in between.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from gateway.sandbox.clock import Clock

Sleep = Callable[[float], Awaitable[None]]


def seeded_random(*parts: object) -> Random:
    """Return a generator seeded with the text of `parts`, such as a seed, a purpose and a number."""
    # A text, which Random hashes by SHA-512: hash() of a tuple with texts differs between processes.
    return Random("/".join(map(str, parts)))  # noqa: S311 - made-up data, guards nothing


def seeded_uuid(*parts: object) -> str:
    """Return the version 4 UUID of these parts."""
    return random_uuid(seeded_random(*parts))


def random_uuid(random: Random) -> str:
    """Draw a version 4 UUID."""
    return str(UUID(int=random.getrandbits(128), version=4))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The rhythm at which records arrive.

    Attributes:
        every_seconds: Seconds of the clock between the beginnings of two records.
        ahead: How many records exist before they begin.
        kept: How many records exist in all; the oldest are removed first.
    """

    every_seconds: float
    ahead: int
    kept: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One arriving record.

    Attributes:
        number: From 0; the values of the record are derived from it.
        arrives_at: When the record is created.
        begins_at: When the record begins to progress.
    """

    number: int
    arrives_at: datetime
    begins_at: datetime


class Arrivals:
    """Adds records when they are due and removes the oldest; simulator lifetime.

    Args:
        start: When the first record begins.
        rhythm: The rhythm of the arrivals.
        add: Creates a record, stores it and returns its id.
        remove: Removes the record with an id.
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
        """Add and remove the records that are due.

        Args:
            now: The current time, not before that of the previous call.
        """
        newest = (now - self._start) // self._interval + self._rhythm.ahead
        oldest = max(0, newest - self._rhythm.kept + 1)
        while self._present and self._present[0][0] < oldest:
            self._remove(self._present.popleft()[1])
        # After a long jump of the clock, records that would be removed at once are never made.
        for number in range(max(self._next, oldest), newest + 1):
            self._present.append((number, self._add(self._arrival(number))))
        self._next = newest + 1

    def _arrival(self, number: int) -> Arrival:
        begins_at = self._start + number * self._interval
        # The first ones would have arrived before the sandbox had started.
        arrives_at = max(self._start, begins_at - self._rhythm.ahead * self._interval)
        return Arrival(number, arrives_at, begins_at)


async def keep_arriving(
    arrivals: Sequence[Arrivals], clock: Clock, *, sleep: Sleep, every_seconds: float = 0.25
) -> None:
    """Call `catch_up` periodically until cancelled.

    Args:
        arrivals: The arrivals of all simulators.
        clock: The sandbox's clock.
        sleep: Waits for real seconds.
        every_seconds: The period in real seconds.
    """
    while True:
        now = clock.now()
        for one in arrivals:
            one.catch_up(now)
        await sleep(every_seconds)
