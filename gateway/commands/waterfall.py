"""Draws an explained operation, or the plan of one, as text of 80 columns."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, TypeAlias

import msgspec

WIDTH: Final = 80
_NAME: Final = 30
_TIME: Final = 9
_BAR: Final = WIDTH - _NAME - _TIME - 4

SHOWN_CALLS: Final = 5
"""The calls of one operation of an upstream that are drawn, the slowest of them; the others are counted."""

FIELD: Final = "field"
_BLOCKS: Final = {"wire": "█", "connect": "▓", "queue": "▒", "pacing": "░", "pause": "·", "lease": "┄", FIELD: "━"}
_ASCII: Final = {"wire": "#", "connect": "=", "queue": "+", "pacing": ":", "pause": ".", "lease": "~", FIELD: "-"}
# Codes of ECMA-48 (SGR) for colours of the text.
_COLOURS: Final = {"wire": 32, "connect": 36, "queue": 33, "pacing": 35, "pause": 31, "lease": 33, FIELD: 34}
_BAD: Final = 31
_BOLD: Final = 1
_NOT_MADE: Final = {
    "hit": "{} from the cache",
    "stale": "{} stale from the cache",
    "shared": "{} joined to calls of others",
}

Segment: TypeAlias = tuple[str, float, float]
"""A phase with its beginning and its end, in milliseconds."""


class Phase(msgspec.Struct, frozen=True):
    """A phase of a call, as in the response. A value."""

    phase: str
    milliseconds: float
    status: int | None = None


class ExplainedCall(msgspec.Struct, frozen=True, rename="camel"):
    """A call, as in the response. A value."""

    upstream: str
    operation: str
    status: int | None
    milliseconds: float
    start_milliseconds: float
    cache: str
    tries: int
    phases: tuple[Phase, ...] = ()
    records: int = 1

    @property
    def name(self) -> str:
        """The upstream and the operation."""
        return f"{self.upstream} {self.operation}"

    @property
    def end(self) -> float:
        """When it ended, in milliseconds."""
        return self.start_milliseconds + self.milliseconds

    @property
    def failed(self) -> bool:
        """Whether it had no answer, or an error as one."""
        return self.cache == "miss" and (self.status is None or self.status >= 400)

    @property
    def waited(self) -> bool:
        """Whether it was made, or another process's call was waited for in its place."""
        return self.cache == "miss" or bool(self.phases)

    def segments(self) -> Iterator[Segment]:
        """Yield its phases, of which the last ended when the call did."""
        began = self.end - sum(phase.milliseconds for phase in self.phases)
        for phase in self.phases:
            yield phase.phase, began, began + phase.milliseconds
            began += phase.milliseconds


class ExplainedField(msgspec.Struct, frozen=True, rename="camel"):
    """A field that waited, as in the response. A value."""

    path: tuple[str, ...]
    start_milliseconds: float
    milliseconds: float
    count: int


class StaleField(msgspec.Struct, frozen=True, rename="camel"):
    """A field with a stale record, as in the response. A value."""

    path: tuple[str | int, ...]
    age_seconds: float


class UsedCost(msgspec.Struct, frozen=True):
    """The cost, as in the response. A value."""

    estimate: int
    calls: int
    nodes: int


class Explanation(msgspec.Struct, frozen=True):
    """What a response's `extensions.gateway` explains. A value."""

    calls: tuple[ExplainedCall, ...]
    fields: tuple[ExplainedField, ...]
    cost: UsedCost
    stale: tuple[StaleField, ...] = ()

    @property
    def end(self) -> float:
        """When the last call or field ended, in milliseconds."""
        ends = [field.start_milliseconds + field.milliseconds for field in self.fields]
        return max([*ends, *(call.end for call in self.calls)], default=0.0)


class PlannedCall(msgspec.Struct, frozen=True):
    """Calls of one operation, as in a plan. A value."""

    upstream: str
    operation: str
    count: int


class PlannedNodes(msgspec.Struct, frozen=True):
    """Objects of the response, as in a plan. A value."""

    estimate: int
    limit: int


class PlannedCost(msgspec.Struct, frozen=True):
    """What a response's `extensions.gateway.plan` estimates. A value."""

    estimate: int
    limit: int
    calls: tuple[PlannedCall, ...]
    nodes: PlannedNodes


@dataclass(frozen=True, slots=True)
class Style:
    """How a terminal shows text. A value.

    Args:
        colour: Whether it shows colours.
        blocks: Whether its encoding has the characters of blocks.
    """

    colour: bool = False
    blocks: bool = True

    @property
    def marks(self) -> Mapping[str, str]:
        """The character of each phase."""
        return _BLOCKS if self.blocks else _ASCII

    def coloured(self, text: str, code: int) -> str:
        """Return the text in a colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def bar(self, segments: Sequence[Segment], total: float) -> str:
        """Return a bar in which each column has the phase in the middle of its time."""
        if not segments or total <= 0:
            return ""
        cells = [_phase_at((number + 0.5) * total / _BAR, segments) for number in range(_BAR)]
        if not any(cells):
            # Too short for the middle of any column, and yet to be seen.
            longest = max(segments, key=lambda one: one[2] - one[1])
            cells[min(_BAR - 1, int(longest[1] / total * _BAR))] = longest[0]
        while cells and not cells[-1]:
            cells.pop()
        runs = [(cell, len(list(run))) for cell, run in groupby(cells)]
        return "".join(self.mark(cell, length) if cell else " " * length for cell, length in runs)

    def mark(self, phase: str, length: int = 1) -> str:
        """Return the character of a phase in its colour, so many times."""
        # A newer gateway may have phases that this command does not know.
        return self.coloured(self.marks.get(phase, "?") * length, _COLOURS.get(phase, _BOLD))


BLOCKS: Final = "".join(_BLOCKS.values()) + "…"
"""All that is written beyond ASCII."""


def draw(title: str, seconds: float, explanation: Explanation, style: Style) -> Iterator[str]:
    """Yield the lines that show an operation.

    Args:
        title: The operation's name.
        seconds: How long its request took.
        explanation: What the gateway said about it.
        style: How the terminal shows it.
    """
    total, cost = explanation.end, explanation.cost
    made = [call for call in explanation.calls if call.cache == "miss"]
    yield (
        style.coloured(f"{title}: {_time(seconds * 1000)}", _BOLD) + f", of which {_time(total)} for fields that waited"
    )
    yield f"Cost: estimated {_calls(cost.estimate)} and {cost.nodes:,} objects, used {_calls(cost.calls)}"
    if made:
        slowest = max(made, key=lambda call: call.milliseconds)
        yield f"Slowest call: {printable(slowest.name)}, {_time(slowest.milliseconds)}"
    yield from _fields(explanation.fields, total, style)
    waited = [call for call in explanation.calls if call.waited]
    yield from _waited(waited, total, style)
    yield from _legend(waited, style)
    yield from _not_made(explanation.calls)
    yield from _stale(explanation.stale)


def draw_plan(title: str, plan: PlannedCost, style: Style) -> Iterator[str]:
    """Yield the lines that show the plan of an operation."""
    yield style.coloured(f"Plan of {title}", _BOLD)
    yield f"  calls    {plan.estimate:>7,} of at most {plan.limit:,}"
    yield f"  objects  {plan.nodes.estimate:>7,} of at most {plan.nodes.limit:,}"
    most = max((call.count for call in plan.calls), default=0)
    for call in sorted(plan.calls, key=lambda one: -one.count):
        bar = style.bar([("wire", 0.0, float(call.count))], float(most))
        yield _line(f"{call.upstream} {call.operation}", f"{call.count:,}", bar, style)
    yield "Every page full, nothing cached: the operation will need no more than this."


def draw_errors(errors: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines that show the errors of a response."""
    for error in errors:
        path = ".".join(str(step) for step in error.get("path") or ())
        code = (error.get("extensions") or {}).get("code", "")
        words = ": ".join(part for part in (path, code, str(error.get("message", ""))) if part)
        yield from textwrap.wrap(printable(words), WIDTH, subsequent_indent="  ")


def printable(text: str) -> str:
    """Return the text without characters that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _fields(fields: Sequence[ExplainedField], total: float, style: Style) -> Iterator[str]:
    if fields:
        yield from ("", style.coloured("Fields that waited", _BOLD))
    for field in fields:
        name = ".".join(field.path) + (f" x{field.count}" if field.count > 1 else "")
        begin = field.start_milliseconds
        bar = style.bar([(FIELD, begin, begin + field.milliseconds)], total)
        yield _line(name, _time(field.milliseconds), bar, style)


def _waited(calls: Sequence[ExplainedCall], total: float, style: Style) -> Iterator[str]:
    if calls:
        yield from ("", style.coloured("Calls", _BOLD))
    shown = _slowest(calls)
    for call in sorted(shown, key=lambda one: one.start_milliseconds):
        name = call.name + (f" [{call.records} records]" if call.records > 1 else "")
        yield _line(name, _time(call.milliseconds), style.bar(list(call.segments()), total), style)
        details = [f"{phase.phase} {_time(phase.milliseconds)}{_after(phase)}" for phase in call.phases]
        if len(details) > 1 or call.failed or call.cache != "miss":
            failure = [f"ended with {call.status or 'no answer'}"] if call.failed else []
            for line in textwrap.wrap(", ".join([*details, *failure]), WIDTH - 4):
                yield "    " + (style.coloured(line, _BAD) if call.failed else line)
    # A difference of Counters leaves out what has come to nothing.
    for name, count in (Counter(call.name for call in calls) - Counter(call.name for call in shown)).items():
        yield f"  and {count} more of {printable(name)}, none of them slower"


def _slowest(calls: Sequence[ExplainedCall]) -> list[ExplainedCall]:
    shown: list[ExplainedCall] = []
    seen: Counter[str] = Counter()
    for call in sorted(calls, key=lambda one: -one.milliseconds):
        seen[call.name] += 1
        # A failed one in any case, as the likeliest cause of what is looked into.
        if seen[call.name] <= SHOWN_CALLS or call.failed:
            shown.append(call)
    return shown


def _after(phase: Phase) -> str:
    return "" if phase.status is None else f" after {phase.status}"


def _legend(calls: Sequence[ExplainedCall], style: Style) -> Iterator[str]:
    used = {phase.phase for call in calls for phase in call.phases}
    if used:
        shown = [name for name in style.marks if name in used]
        yield "  " + "  ".join(f"{style.mark(name)} {name}" for name in shown)


def _not_made(calls: Iterable[ExplainedCall]) -> Iterator[str]:
    counts: dict[str, Counter[str]] = {}
    for call in calls:
        if call.cache != "miss":
            counts.setdefault(call.name, Counter())[call.cache] += 1
    if counts:
        yield from ("", "Calls that were not made")
    for name, found in counts.items():
        yield f"  {printable(name)}: " + ", ".join(
            _NOT_MADE.get(cache, f"{{}} {cache}").format(found[cache]) for cache in found
        )


def _stale(fields: Iterable[StaleField]) -> Iterator[str]:
    ages: dict[str, list[float]] = {}
    for field in fields:
        path = ".".join(step for step in field.path if isinstance(step, str))
        ages.setdefault(path, []).append(field.age_seconds)
    if ages:
        yield from ("", "Stale parts of the response")
    for path, found in ages.items():
        yield f"  {printable(path)}: {len(found)}, up to {max(found):,.1f} s old"


def _line(name: str, time: str, bar: str, style: Style) -> str:
    cut = "…" if style.blocks else "~"
    # The end of a path says more than its beginning.
    name = printable(name)
    name = name if len(name) <= _NAME else cut + name[1 - _NAME :]
    return f"  {name:<{_NAME}}{time:>{_TIME}}  {bar}".rstrip()


def _phase_at(moment: float, segments: Iterable[Segment]) -> str:
    return next((phase for phase, began, ended in segments if began <= moment < ended), "")


def _time(milliseconds: float) -> str:
    if milliseconds < 1000:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds / 1000:.2f} s" if milliseconds < 100_000 else f"{milliseconds / 1000:.0f} s"


def _calls(count: int) -> str:
    return f"{count:,} call" if count == 1 else f"{count:,} calls"
