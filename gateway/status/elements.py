"""Pieces of HTML that the status page is made of, and how it writes figures."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

NOTHING: Final = "\N{EN DASH}"
"""In the place of a figure that there is not."""

_MARKS: Final = {
    **dict.fromkeys(("unasked", "unconfigured", "none"), "○"),
    "down": "■",
    "failing": "▲",
    "limited": "◆",
    "draining": "◆",
    "silent": "■",
    "away": "■",
    "partly": "▲",
}
"""Shapes beside the words, because colours alone do not reach everybody."""


class Column(NamedTuple):
    """A column of a table: its heading, and whether it has numbers."""

    title: str
    is_number: bool = True


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], empty: str) -> str:
    """Return a table of cells that are HTML, or a sentence where it would be empty."""
    if not rows:
        return f"<p>{escape(empty)}</p>"
    head = "".join(f'<th role="columnheader" scope="col"{_class(one)}>{escape(one.title)}</th>' for one in columns)
    body = "".join(f'<tr role="row">{_cells(columns, row)}</tr>' for row in rows)
    return (
        f'<table role="table"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table>'
    )


def _cells(columns: Sequence[Column], row: Sequence[str]) -> str:
    # Roles, because browsers take a table that is laid out as blocks on a narrow screen for none.
    first, *rest = row
    cells = "".join(
        f'<td role="cell" data-label="{escape(column.title)}"{_class(column, cell)}><span>{cell}</span></td>'
        for column, cell in zip(columns[1:], rest, strict=True)
    )
    return f'<th role="rowheader" scope="row">{first}</th>{cells}'


def _class(column: Column, cell: str = "") -> str:
    # A narrow screen leaves out the cells that say nothing.
    names = [*(["number"] if column.is_number else []), *(["empty"] if cell in {NOTHING, "0"} else [])]
    return f' class="{" ".join(names)}"' if names else ""


def tiles(figures: Mapping[str, str]) -> str:
    """Return figures with their names, as HTML."""
    return (
        f"<dl>{''.join(f'<div><dt>{escape(name)}</dt><dd>{value}</dd></div>' for name, value in figures.items())}</dl>"
    )


def badge(state: str, words: str) -> str:
    """Return a state as a coloured word with a shape."""
    mark = f'<span aria-hidden="true">{_MARKS.get(state, "●")}</span>'
    return f'<span class="badge {escape(state)}">{mark} {escape(words)}</span>'


def counts(figures: Mapping[str, float]) -> str:
    """Return counts by name in one line."""
    return (
        ", ".join(f"{escape(name)} \N{MULTIPLICATION SIGN} {number(count)}" for name, count in figures.items())
        or NOTHING
    )


def number(value: float) -> str:
    """Return a number with at most one digit after the point."""
    # Tenths of whole numbers and of large ones say nothing.
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.1f}"


def percent(share: float | None) -> str:
    """Return a share as a percentage."""
    return NOTHING if share is None else f"{100 * share:.1f} %"


def milliseconds(value: float | None) -> str:
    """Return a duration in milliseconds, or in seconds where it is long."""
    if value is None:
        return NOTHING
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def duration(seconds: float) -> str:
    """Return a duration in the two largest units."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60)} s"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{days} d {hours % 24} h"


def size(count: int) -> str:
    """Return a number of bytes."""
    return f"{count / 1_048_576:.1f} MiB" if count >= 1_048_576 else f"{count / 1024:.0f} KiB"
