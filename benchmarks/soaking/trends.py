"""Whether what a process holds grows: a line through its samples, and how far the samples are from it.

Theory of operation
-------------------
The line is that of Theil and Sen: its slope is the median of the slopes between all pairs of samples, so that a peak
of a few samples, such as a large response or a collection of garbage, does not move it. What the line rises over the
run is compared with two bounds::

    growth = slope * duration        is a leak where it is above both
        noise = 2 * the median distance of the samples from the line     a rise that is not lost in their scatter
        allowance = a share of the median                                what an allocator may still settle

The share is 3 %: a leak of 100 bytes an operation would add 20 MB to 200,000 operations, which is 15 % of a process of
130 MB; one of a single entry of a dictionary for each of 20,000 identities, some 200 bytes, adds 3 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Final

SHARE: Final = 0.03
FEWEST: Final = 10
"""Samples, for a line that means something."""


@dataclass(frozen=True)
class Trend:
    """The line through some samples; value.

    Args:
        first: The value of the line at the first sample.
        growth: What it rises until the last.
        noise: The median distance of a sample from it.
        middle: The median of the samples.
    """

    first: float
    growth: float
    noise: float
    middle: float

    def grows(self, least: float) -> bool:
        """Return whether the rise is a leak.

        Args:
            least: A rise up to here is none, whatever the share: whole numbers of few are coarse.
        """
        return self.growth > max(2 * self.noise, SHARE * self.middle, least)


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """Return the line through the samples.

    Raises:
        ValueError: There are fewer than `FEWEST`.
    """
    if len(times) < FEWEST:
        raise ValueError(f"{len(times)} samples are too few for a trend; {FEWEST} are needed: soak for longer")
    points = list(zip(times, values, strict=True))
    slope = median((v - u) / (t - s) for (s, u), (t, v) in combinations(points, 2))
    base = median(v - slope * t for t, v in points)
    noise = median(abs(v - base - slope * t) for t, v in points)
    return Trend(base + slope * times[0], slope * (times[-1] - times[0]), noise, median(values))
