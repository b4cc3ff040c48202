"""Memory of cached deliveries: growth of the gateway's process, and bytes allocated by Python.

Run as a module, this file is the traced process: `python -X tracemalloc -m measuring.memory COUNT` runs a gateway in
process, reads COUNT deliveries and prints the allocated bytes. The settings are JSON on standard input.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from measuring.gateway import MODES, gateway_in_process, running_gateway
from measuring.load import Pace, ask_all
from measuring.operations import delivery_workload
from measuring.processes import BENCHMARKS
from measuring.upstream import Upstream

WARMING: Final = 500
"""Deliveries read before the measurement, so that lazy imports and pools do not count."""
CONNECTIONS: Final = 16


@dataclass(frozen=True)
class Memory:
    """Memory of cached deliveries and of the cached responses to the operations that read them.

    Args:
        deliveries: The number of deliveries.
        resident: Growth of the process in bytes.
        allocated: Growth of the memory allocated by Python in bytes.
    """

    deliveries: int
    resident: int
    allocated: int


def measure_memory(upstream: Upstream, pace: Pace) -> Memory:
    """Read every delivery once, each with its own operation, and measure the growth."""
    bodies = delivery_workload().bodies(WARMING + pace.deliveries)
    return Memory(pace.deliveries, _resident(upstream, bodies), _allocated(upstream, len(bodies)))


def _resident(upstream: Upstream, bodies: Sequence[bytes]) -> int:
    with running_gateway(upstream, "hot") as gateway:
        asyncio.run(ask_all(gateway.port, iter(bodies[:WARMING]), CONNECTIONS))
        before, asked = gateway.resident_bytes(), upstream.requests()
        asyncio.run(ask_all(gateway.port, iter(bodies[WARMING:]), CONNECTIONS))
        grown = gateway.resident_bytes() - before
        asyncio.run(ask_all(gateway.port, iter(bodies[WARMING:]), CONNECTIONS))
        _require_kept(upstream.requests() - asked - 1, len(bodies) - WARMING)
        return grown


def _require_kept(calls: int, deliveries: int) -> None:
    if calls != deliveries:
        raise SystemExit(f"{deliveries} deliveries that were read twice took {calls} upstream calls; not all were kept")


def _allocated(upstream: Upstream, count: int) -> int:
    command = [sys.executable, "-X", "tracemalloc", "-m", "measuring.memory", str(count)]
    settings = json.dumps({**upstream.gateway_settings, **MODES["hot"]})
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    return int(
        subprocess.run(command, input=settings, capture_output=True, text=True, check=True, env=environment).stdout
    )


async def _traced_growth(settings: Mapping[str, str], count: int) -> int:
    bodies = delivery_workload().bodies(count)
    async with gateway_in_process(settings) as port:
        await ask_all(port, iter(bodies[:WARMING]), CONNECTIONS)
        before = _traced_bytes()
        await ask_all(port, iter(bodies[WARMING:]), CONNECTIONS)
        return _traced_bytes() - before


def _traced_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    print(asyncio.run(_traced_growth(json.load(sys.stdin), int(sys.argv[1]))))
