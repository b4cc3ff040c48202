"""Measure what operations, calls, subscriptions and events cost a gateway process and its Redis.

    python benchmarks/costs.py              prints the figures, in about three minutes
    python benchmarks/costs.py --write      puts them into sizing/costs.json and docs/capacity.md as well

CPU times depend on the machine and on what else it does: that of a bare ASGI app, which is measured along, says how
fast it was. Commands, bytes, calls and memory do not. `capacity.py` simulates many processes with these costs.
"""

import argparse
import os
import platform
from datetime import UTC, datetime

from measuring.load import QUICK
from measuring.report import write
from measuring.upstream import static_upstream
from sizing.costs import Costs, save
from sizing.measured import WARMING, measure_bare, measure_operations, measure_record
from sizing.page import COSTS_BEGIN, COSTS_END, PAGE, costs_table
from sizing.redis_meter import metered_redis
from sizing.subscriptions import measure_subscriptions


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--count", type=int, default=2000, help="operations in each load")
    parser.add_argument("--records", type=int, default=40, help="records that are followed")
    arguments = parser.parse_args()
    costs = _measure(arguments.count, arguments.records)
    print(costs_table(costs))
    if arguments.write:
        save(costs)
        write(costs_table(costs), PAGE, (COSTS_BEGIN, COSTS_END))


def _measure(count: int, records: int) -> Costs:
    with static_upstream(WARMING + count) as upstream:
        bare = measure_bare(upstream, QUICK)
        with metered_redis() as meter:
            found = dict(measure_operations(upstream, meter, count, QUICK))
        record_bytes = measure_record(upstream, count)
    with metered_redis() as meter:
        more, each_bytes, connections = measure_subscriptions(meter, records)
    when = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores with a load"
    return Costs(
        f"{when} average of {os.getloadavg()[2]:.0f}",
        bare,
        {**found, **more},
        each_bytes,
        record_bytes,
        connections,
    )


if __name__ == "__main__":
    main()
