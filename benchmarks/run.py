"""Measure the gateway on loopback, over static upstreams, and print the figures as Markdown.

    python benchmarks/run.py                everything, about twelve minutes
    python benchmarks/run.py --quick        everything once in about four minutes, to see that it works
    python benchmarks/run.py --only memory start-up
    python benchmarks/run.py --write        put the figures into docs/performance.md as well

Load comes from wrk and static responses from nginx if they are on PATH (Debian: `wrk`, `nginx-light`). Otherwise both
come from Python, and all ratios are nearer to 1 than they should be. It needs Linux: CPU time is read from /proc.
Absolute figures hold for one machine at one time; the ratios are of consecutive runs.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

from measuring.gateway import measure_start_up
from measuring.load import QUICK, Pace
from measuring.memory import WARMING, measure_memory
from measuring.report import Report, write
from measuring.throughput import Comparison, compare_with_bare, compare_with_plain, measure_call_costs
from measuring.upstream import Upstream, static_upstream

PARTS = ("plain", "bare", "calls", "memory", "start-up")


def main() -> None:
    """Measure the parts named on the command line."""
    arguments = _arguments()
    pace = QUICK if arguments.quick else Pace()
    pace = replace(pace, rounds=arguments.rounds or pace.rounds, seconds=arguments.seconds or pace.seconds)
    with static_upstream(WARMING + pace.deliveries) as upstream:
        report = _measure(upstream, pace, arguments.only)
    markdown = report.markdown(quick=arguments.quick)
    print(markdown)
    if arguments.write:
        write(markdown)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short and few rounds")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    parser.add_argument("--rounds", type=int, help="repetitions of each load")
    parser.add_argument("--seconds", type=float, help="duration of each load")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    return parser.parse_args()


def _measure(upstream: Upstream, pace: Pace, parts: Iterable[str]) -> Report:
    report = Report()
    if "start-up" in parts:
        report.start_up = measure_start_up(upstream, pace)
    if "memory" in parts:
        report.memory = measure_memory(upstream, pace)
    if "calls" in parts:
        report.costs.extend(measure_call_costs(upstream, pace))
    if "plain" in parts:
        report.plain.extend(_shown(compare_with_plain(upstream, pace)))
    if "bare" in parts:
        for mode in ("shared", "hot"):
            report.bare.extend(_shown(compare_with_bare(upstream, mode, pace)))
    return report


def _shown(comparisons: Iterable[Comparison]) -> Iterator[Comparison]:
    for row in comparisons:
        print(f"{row.mode} {row.workload.name}: {row.ratio:.2f}", file=sys.stderr, flush=True)
        yield row


if __name__ == "__main__":
    main()
