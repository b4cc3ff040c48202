"""The tables of docs/capacity.md."""

from collections.abc import Iterator, Sequence
from typing import Final

from measuring.processes import BENCHMARKS

from sizing.costs import NAMES, Costs
from sizing.processes import Policies
from sizing.simulation import RESOURCES, Load, Outcome
from sizing.validation import Comparison

PAGE: Final = BENCHMARKS.parent / "docs" / "capacity.md"
COSTS_BEGIN: Final = "<!-- costs: written by benchmarks/costs.py --write -->"
COSTS_END: Final = "<!-- end of costs -->"
SIMULATION_BEGIN: Final = "<!-- simulation: written by benchmarks/capacity.py --write -->"
SIMULATION_END: Final = "<!-- end of simulation -->"
VALIDATION_BEGIN: Final = "<!-- validation: written by benchmarks/capacity.py --validate --write -->"
VALIDATION_END: Final = "<!-- end of validation -->"


_COSTS_HEAD: Final = """
| what | CPU us | Redis commands | Redis CPU us | bytes to Redis | bytes from Redis | calls |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""

_SIMULATION_HEAD: Final = """
| processes | phones | operations/s | calls/s | Redis commands/s | events/s | core | Redis | network | rate \\
| connections | read p99 ms | last phone p50 ms | p99 ms | short first |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
"""

_VALIDATION_HEAD: Final = """| processes | what | real | simulated | difference |
| ---: | --- | ---: | ---: | ---: |
"""


def costs_table(measured: Costs) -> str:
    """Return the costs as Markdown."""
    costs = measured.at_reference()
    about = (
        f"{measured.measured}; one worker, one Redis, everything on loopback. CPU times are of a machine on which a "
        f"bare ASGI app takes {costs.bare:.0f} us for a request, as the one of [performance.md](performance.md) does; "
        f"at the time of the measurement it took {measured.bare:.0f} us, and all times were divided by the ratio.\n"
    )
    return "\n".join([about + _COSTS_HEAD.rstrip(), *_cost_rows(costs), "", *_memory_rows(costs)])


def _cost_rows(costs: Costs) -> Iterator[str]:
    for name, meaning in NAMES.items():
        cost = costs[name]
        figures = (cost.cpu, cost.commands, cost.redis_cpu, cost.received, cost.sent, cost.calls)
        shown = (f"{figure:,.1f}" if figure < 20 else f"{figure:,.0f}" for figure in figures)
        yield f"| **{name}**: {meaning} | {' | '.join(shown)} |"


def _memory_rows(costs: Costs) -> Iterator[str]:
    yield "| memory and connections | |"
    yield "| --- | ---: |"
    yield f"| an open subscription over a WebSocket | {costs.subscription_bytes / 1024:.0f} KiB |"
    yield f"| a cached record with the response that it is in | {costs.record_bytes / 1024:.1f} KiB |"
    yield f"| connections of a process to Redis, with subscriptions | {costs.redis_connections:.0f} |"


def simulation_table(outcomes: Sequence[Outcome], load: Load, policies: Policies) -> str:
    """Return the outcomes as Markdown, with what is short first in each."""
    about = (
        f"Each process: {load.operations:,.0f} operations a second, of which {load.read_share:.0%} read a record, and "
        f"{load.phones:,} phones. {load.phones_per_record} phones follow the same record, which changes "
        f"{60 * load.changes_per_record:.2f} times a minute. The upstream takes {policies.rate_per_second:,.0f} calls "
        f"a second, records are polled every {policies.poll_max_seconds:,.0f} s (five times as long while webhooks "
        f"come), and a process keeps {policies.max_open:,} connections.\n"
    )
    return "\n".join([about + _SIMULATION_HEAD.replace("\\\n", "").rstrip(), *map(_simulation_row, outcomes)])


def _simulation_row(one: Outcome) -> str:
    figures = [one.processes, one.phones, one.operations, one.calls, one.redis_commands, one.events]
    used = [f"{one.utilisation[name]:.0%}" for name in RESOURCES]
    waits = [1000 * seconds for seconds in (one.read_p99, one.event_p50, one.event_p99)]
    cells = [*(f"{figure:,.0f}" for figure in figures), *used, *(f"{wait:,.0f}" for wait in waits), one.first]
    return f"| {' | '.join(cells)} |"


def validation_table(compared: Sequence[Comparison]) -> str:
    """Return what real and simulated processes did under the same load as Markdown."""
    return _VALIDATION_HEAD + "\n".join(map(_validation_row, compared))


def _validation_row(one: Comparison) -> str:
    difference = f"{one.simulated / one.real - 1:+.0%}"
    return f"| {one.processes} | {one.what} | {one.real:,.2f} | {one.simulated:,.2f} | {difference} |"
