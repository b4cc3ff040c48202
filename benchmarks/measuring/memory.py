"""What cached deliveries take: by the growth of a gateway's process, and by what Python allocates in one."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from measuring.gateway import MODES, running_gateway
from measuring.load import ask_all
from measuring.operations import delivery_workload
from measuring.pace import Pace
from measuring.processes import BENCHMARKS
from measuring.upstream import Upstream

WARMING: Final = 500
"""Deliveries that are read before it counts, so that what is loaded and grown once is there."""
CONNECTIONS: Final = 16


@dataclass(frozen=True)
class Memory:
    """What that many cached deliveries, and the whole responses to the operations that read them, take.

    Args:
        deliveries: How many.
        resident: Bytes by which the process grew.
        allocated: Bytes that Python's allocator had given out more.
    """

    deliveries: int
    resident: int
    allocated: int


def measure_memory(upstream: Upstream, pace: Pace) -> Memory:
    """Read every delivery once, by an operation of its own, and see what that left."""
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
    command = [sys.executable, "-X", "tracemalloc", "-m", "measuring.traced_memory", str(count)]
    settings = json.dumps({**upstream.gateway_settings, **MODES["hot"]})
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    return int(
        subprocess.run(command, input=settings, capture_output=True, text=True, check=True, env=environment).stdout
    )
