"""The figures as Markdown tables, and their place in docs/performance.md."""

import os
import platform
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from measuring.memory import Memory
from measuring.processes import BENCHMARKS
from measuring.throughput import CallCost, Comparison

PAGE: Final = BENCHMARKS.parent / "docs" / "performance.md"
BEGIN: Final = "<!-- figures: written by benchmarks/run.py --write -->"
END: Final = "<!-- end of figures -->"
_MEBIBYTE: Final = 1024 * 1024


@dataclass
class Report:
    """All figures of a run; run lifetime.

    Args:
        plain: Comparisons with Strawberry, httpx and DataLoaders.
        bare: Comparisons with an app that sends the same bytes.
        costs: CPU time by the number of upstream calls.
        memory: Memory of cached deliveries.
        start_up: Seconds from start to first response.
    """

    plain: list[Comparison] = field(default_factory=list)
    bare: list[Comparison] = field(default_factory=list)
    costs: list[CallCost] = field(default_factory=list)
    memory: Memory | None = None
    start_up: float | None = None

    def markdown(self, *, quick: bool) -> str:
        """Return the tables of all measured parts."""
        parts = [_surroundings(quick=quick)]
        if self.plain:
            parts += ["### Nothing kept or shared, against plain Strawberry", _plain_table(self.plain)]
        if self.bare:
            parts += ["### Shared and kept, against a bare ASGI app", _bare_table(self.bare)]
        if self.costs:
            parts += ["### Cost by the number of upstream calls", _cost_table(self.costs)]
        if self.memory or self.start_up:
            parts += ["### Memory and start-up", _bounds_table(self.memory, self.start_up)]
        return "\n\n".join(parts)


def write(markdown: str, page: Path = PAGE, markers: tuple[str, str] = (BEGIN, END)) -> None:
    """Write the figures between the page's markers.

    Raises:
        SystemExit: The page has no markers.
    """
    before, begin, rest = page.read_text().partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not begin or not end:
        raise SystemExit(f"{page} has no place for the figures: put {' and '.join(markers)} on lines of their own")
    page.write_text(f"{before}{begin}\n\n{markdown}\n\n{end}{after}")


def _surroundings(*, quick: bool) -> str:
    load = "wrk" if shutil.which("wrk") else "the Python loader"
    kind = "a quick run, so rough" if quick else "a whole run"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {kind}: Python {platform.python_version()}, {os.cpu_count()} cores with a load "
        f"average of {os.getloadavg()[2]:.1f} over the last 15 minutes, one worker each, load by {load}. Medians over "
        "rounds; a ratio is the median of the rounds' ratios."
    )


def _plain_table(rows: Sequence[Comparison]) -> str:
    head = (
        "operation|calls, ours|calls, plain|/s, ours|/s, plain|ratio|CPU us, ours|CPU us, plain|p50 ms|p99 ms|p99 / p50"
    )
    return _table(
        head,
        (
            f"{row.workload.name}|{row.calls[0]}|{row.calls[1]}|{row.gateway.rate:,.0f}|{row.other.rate:,.0f}|"
            f"**{row.ratio:.1f}**|{row.gateway.cpu:,.0f}|{row.other.cpu:,.0f}|{row.gateway.p50:.1f}|"
            f"{row.gateway.p99:.1f}|{_bounded(row.gateway.p99 / row.gateway.p50, 3)}"
            for row in rows
        ),
    )


def _bare_table(rows: Sequence[Comparison]) -> str:
    return _table(
        "mode|operation|/s, ours|/s, bare|ratio|CPU us, ours|CPU us, bare",
        (
            f"{row.mode}|{row.workload.name}|{row.gateway.rate:,.0f}|{row.other.rate:,.0f}|**{row.ratio:.2f}**|"
            f"{row.gateway.cpu:,.0f}|{row.other.cpu:,.0f}"
            for row in rows
        ),
    )


def _cost_table(rows: Sequence[CallCost]) -> str:
    return _table(
        "calls an operation|CPU us an operation|CPU us a call|p50 ms|p99 ms",
        (
            f"{row.calls:,}|{row.figures.cpu:,.0f}|{row.figures.cpu / row.calls:,.0f}|"
            f"{row.figures.p50:.1f}|{row.figures.p99:.1f}"
            for row in rows
        ),
    )


def _bounds_table(memory: Memory | None, start_up: float | None) -> str:
    rows = []
    if memory:
        name = f"{memory.deliveries:,} cached deliveries"
        rows.append(f"{name}: growth of the process|{_bounded(memory.resident / _MEBIBYTE, 40)} MiB|40 MiB")
        rows.append(f"{name}: allocated by Python|{_bounded(memory.allocated / _MEBIBYTE, 40)} MiB|40 MiB")
    if start_up:
        rows.append(f"start to first answer|{_bounded(start_up, 2)} s|2 s")
    return _table("what|measured|bound", rows)


def _bounded(value: float, most: float) -> str:
    return f"{value:.1f}" if value < most else f"{value:.1f} (too much)"


def _table(head: str, rows: Iterable[str]) -> str:
    columns = head.count("|")
    lines = [head, "|".join(["---"] + ["---:"] * columns), *rows]
    return "\n".join(f"| {line.replace('|', ' | ')} |" for line in lines)
