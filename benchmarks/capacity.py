"""Simulate 1 to 64 gateway processes over one Redis and one upstream, and name what they are short of first.

The simulated processes run the gateway's own policies, caches, leases, pacing and events in virtual time, and spend
what `costs.py` has measured (`sizing/costs.json`). Each brings the same load, so that the row of 64 has a million
phones.

    python benchmarks/capacity.py                             the table, in some minutes
    python benchmarks/capacity.py --write                     puts it into docs/capacity.md as well
    python benchmarks/capacity.py --processes 1 2 --phones 500 --rate 1000
    python benchmarks/capacity.py --validate                  compares 1 and 2 real processes with simulated ones

The same seed gives the same table.
"""

import argparse
import gc
import os
import sys

import msgspec
from measuring.report import write
from sizing.costs import load as load_costs
from sizing.page import (
    PAGE,
    SIMULATION_BEGIN,
    SIMULATION_END,
    VALIDATION_BEGIN,
    VALIDATION_END,
    simulation_table,
    validation_table,
)
from sizing.processes import Policies
from sizing.simulation import Load, Outcome, simulate
from sizing.validation import validate


def main() -> None:
    """Simulate, or compare with real processes."""
    arguments = _parsed()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of texts is part of the outcome.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 - this script
    costs = load_costs()
    load = msgspec.structs.replace(Load(), phones=arguments.phones, operations=arguments.operations)
    policies = Policies(arguments.rate, arguments.poll_seconds)
    if arguments.validate:
        shown, markers = validation_table(validate(costs, arguments.seed)), (VALIDATION_BEGIN, VALIDATION_END)
    else:
        outcomes: list[Outcome] = []
        for processes in arguments.processes:
            outcomes.append(
                simulate(processes, costs.at_reference(), load=load, policies=policies, seed=arguments.seed)
            )
            # A million phones of the last one would slow down the next.
            gc.collect()
            print(f"{processes} simulated", file=sys.stderr)
        shown, markers = simulation_table(outcomes, load, policies), (SIMULATION_BEGIN, SIMULATION_END)
    print(shown)
    if arguments.write:
        write(shown, PAGE, markers)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--phones", type=int, default=Load().phones, help="of each process")
    parser.add_argument("--operations", type=float, default=Load().operations, help="a second, of each process")
    parser.add_argument("--rate", type=float, default=Policies().rate_per_second, help="calls a second")
    parser.add_argument("--poll-seconds", type=float, default=Policies().poll_max_seconds)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
