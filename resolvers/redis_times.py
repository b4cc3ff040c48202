"""How long Redis takes for commands, by what they are for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final, Literal, get_args

from resolvers.histogram import Histogram

RedisPurpose = Literal[
    "cache", "lease", "invalidation", "pacing", "budget", "document", "event_log", "poll_lease", "session"
]
"""What commands are for; `budget` are quotas and the limits of logins as well."""

REDIS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds in seconds: from the round trip within a machine to the longest time limit of a command."""


class RedisTimes:
    """Measures round trips to Redis, failed ones too. Lifetime: process.

    Args:
        clock: A monotonic clock, in seconds.

    Attributes:
        by_purpose: The durations for each purpose.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self.by_purpose = {purpose: Histogram(REDIS_SECONDS) for purpose in get_args(RedisPurpose)}

    @contextmanager
    def measure(self, purpose: RedisPurpose) -> Iterator[None]:
        """Measure what is awaited within the block: one command, script or pipeline."""
        began = self._clock()
        try:
            yield
        finally:
            # A command that failed or was given up kept its caller waiting as long.
            self.by_purpose[purpose].add(self._clock() - began)
