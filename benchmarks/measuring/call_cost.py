"""What an operation costs the gateway by the number of upstream calls in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from measuring.gateway import running_gateway
from measuring.load import Figures, median, put_load
from measuring.operations import tasks_workload
from measuring.pace import Pace
from measuring.upstream import Upstream

CALLS: Final = (1, 10, 100, 1000)
_SETTINGS: Final = {"GATEWAY_LIMITS__COST": "2000", "GATEWAY_LOGISTICS__TIMEOUT_SECONDS": "30"}
"""Four operations of 1,000 calls are more than one caller may ask for unless told."""


@dataclass(frozen=True)
class CallCost:
    """The figures of operations with so many calls."""

    calls: int
    figures: Figures


def measure_call_costs(upstream: Upstream, pace: Pace) -> Iterator[CallCost]:
    """Load a gateway that keeps and shares nothing with operations of 1, 10, 100 and 1,000 calls."""
    with running_gateway(upstream, "cold", _SETTINGS) as gateway:
        for calls in CALLS:
            workload = tasks_workload(calls)
            bodies = workload.bodies(100)
            rounds = [
                put_load(gateway, workload, bodies, seconds=pace.seconds, connections=workload.connections)
                for _ in range(pace.rounds + 1)
            ]
            yield CallCost(calls, median(rounds[1:]))
