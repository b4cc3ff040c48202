"""How long and how often the benchmarks measure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How much time a run takes; a value.

    Args:
        seconds: Of each load.
        rounds: How often each load is put, after one that warms up.
        starts: How often a gateway is started.
        deliveries: How many are cached.
    """

    seconds: float = 4
    rounds: int = 5
    starts: int = 7
    deliveries: int = 10_000


QUICK = Pace(seconds=2, rounds=2, starts=3)
"""Enough to see that everything works; its figures say little."""
