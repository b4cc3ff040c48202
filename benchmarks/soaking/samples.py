"""The samples that workers wrote, their trends, and what they held more of at the end than after the warm-up."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from soaking.trends import trend

MEASURED: Final[Mapping[str, float]] = {"resident": 2**20, "descriptors": 4, "tasks": 8}
"""What is looked at under load, and the rise that is none even where it is a large share."""

QUIET_SHARES: Final[Mapping[str, tuple[float, float]]] = {
    "descriptors": (0.0, 8),
    "tasks": (0.0, 4),
    "objects": (0.05, 3000),
}
"""How much higher each may be at the end than after the warm-up, both times without load and with the garbage
collected: a share and a number. Objects are only looked at here, since between two collections cycles are counted."""

_PATIENCE_SECONDS: Final = 120.0

Sample = dict[str, Any]


class Samples:
    """The samples of all workers; run lifetime.

    Args:
        folder: Where the workers write them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> dict[str, list[Sample]]:
        """Return the samples so far by process id."""
        return {
            file.stem: [orjson.loads(line) for line in file.read_text().splitlines()]
            for file in sorted(self._folder.glob("*.jsonl"))
        }

    async def census(self) -> dict[str, Sample]:
        """Have each worker collect its garbage and count its objects; return these samples.

        Raises:
            TimeoutError: A worker wrote none.
        """
        asked = time.time()
        (self._folder / "census").touch()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                found = {pid: [one for one in taken if _is_census(one, asked)] for pid, taken in self.all().items()}
                if all(found.values()):
                    return {pid: taken[0] for pid, taken in found.items()}
                await asyncio.sleep(1)


def _is_census(sample: Sample, since: float) -> bool:
    return "census" in sample and bool(sample["at"] >= since)


def table(samples: Mapping[str, Sequence[Sample]], since: float, rows: int = 10) -> list[str]:
    """Return the samples since a time as a table in Markdown, with so many rows for each worker."""
    head = "| worker | minute | resident MiB | descriptors | tasks | objects |"
    lines = [head, "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for number, (_, taken) in enumerate(samples.items(), 1):
        shown = [one for one in taken if one["at"] >= since]
        for one in shown[:: max(1, len(shown) // rows)]:
            measured = f"{one['resident'] / 2**20:.1f} | {one['descriptors']} | {one['tasks']} | {one['objects']:,}"
            lines.append(f"| {number} | {(one['at'] - since) / 60:.1f} | {measured} |")
    return lines


def leaks(samples: Mapping[str, Sequence[Sample]], begin: float, end: float) -> Iterator[str]:
    """Yield what grew between two times, by worker."""
    for pid, taken in samples.items():
        within = [one for one in taken if begin <= one["at"] <= end]
        for name, least in MEASURED.items():
            found = trend([one["at"] for one in within], [one[name] for one in within])
            if found.grows(least):
                yield (
                    f"{name} of worker {pid} grew by {found.growth:,.0f} from {found.first:,.0f}"
                    f" (samples are {found.noise:,.0f} from the line)"
                )


def rises(before: Mapping[str, Sample], after: Mapping[str, Sample]) -> Iterator[str]:
    """Yield what is higher at the end than after the warm-up, both times without load."""
    for pid, last in after.items():
        first = before[pid]
        for name, (share, margin) in QUIET_SHARES.items():
            if last[name] > first[name] * (1 + share) + margin:
                yield f"{name} of worker {pid} at rest: {first[name]} after the warm-up, {last[name]} at the end"


def gained(before: Sample, after: Sample, most: int = 12) -> list[str]:
    """Return the types of which there are the most more objects, as `name +count`."""
    more = Counter(after["census"])
    more.subtract(before["census"])
    return [f"{name} {count:+,}" for name, count in more.most_common(most) if count > 0]


def cpu_per_operation(samples: Mapping[str, Sequence[Sample]], begin: float, end: float, operations: int) -> float:
    """Return the CPU time of all workers for one operation between two times, in milliseconds, with all around it."""
    within = [[one["cpu"] for one in taken if begin <= one["at"] <= end] for taken in samples.values()]
    return 1e3 * sum(times[-1] - times[0] for times in within) / operations
