"""Compares real processes with simulated ones under the same load: calls, commands of Redis, and CPU time."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from random import Random
from typing import Final

import msgspec
from measuring.gateway import running_gateway
from measuring.load import QUICK, Connection
from measuring.operations import delivery_workload
from measuring.processes import Server
from measuring.upstream import Upstream, static_upstream

from sizing.costs import Costs
from sizing.measured import measure_bare
from sizing.processes import Policies
from sizing.redis_meter import metered_redis
from sizing.simulation import Load, simulate

SECONDS: Final = 15.0
OPERATIONS: Final = 150.0
"""A second, of each process."""

_IDLE_SECONDS: Final = 5.0
RECORDS: Final = 200
TTL: Final = 5.0


class Comparison(msgspec.Struct, frozen=True):
    """One figure of real and of simulated processes; value."""

    processes: int
    what: str
    real: float
    simulated: float


def validate(costs: Costs, seed: int) -> list[Comparison]:
    """Compare one and two processes.

    Args:
        costs: As they were measured.
        seed: Decides which records are read.
    """
    with static_upstream(RECORDS) as upstream:
        # The machine may be faster or slower now than when the costs were measured.
        bare = measure_bare(upstream, replace(QUICK, seconds=1))
        now = costs.at(bare)
        return [one for processes in (1, 2) for one in _compare(processes, now, upstream, seed)]


def _compare(processes: int, costs: Costs, upstream: Upstream, seed: int) -> Iterator[Comparison]:
    real = _real(processes, upstream, seed)
    load = Load(OPERATIONS, 1.0, 0, popular=RECORDS)
    policies = Policies(1e6, ttl_active=TTL, paced=False)
    outcome = simulate(processes, costs, load=load, policies=policies, seed=seed, seconds=SECONDS)
    simulated = (outcome.operations, outcome.calls, outcome.redis_commands, outcome.utilisation["a core"])
    names = (
        "operations/s",
        "upstream calls/s",
        "Redis commands/s",
        "share of a core, the busiest process, beyond that of an idle one",
    )
    yield from (Comparison(processes, *figures) for figures in zip(names, real, simulated, strict=True))


def _real(processes: int, upstream: Upstream, seed: int) -> tuple[float, float, float, float]:
    with ExitStack() as stack:
        meter = stack.enter_context(metered_redis())
        more = {"GATEWAY_REDIS_URL": meter.url, "GATEWAY_CACHE__TTL_ACTIVE": str(TTL)}
        gateways = [stack.enter_context(running_gateway(upstream, "hot", more)) for _ in range(processes)]
        idle = _idle_share(gateways[0])
        asyncio.run(_ask(gateways, 2 * TTL, Random(seed)))  # noqa: S311 - repeatable, no secrets
        before, calls, cpu = meter.read(0), upstream.requests(), [one.cpu_seconds() for one in gateways]
        began = time.monotonic()
        asked = asyncio.run(_ask(gateways, SECONDS, Random(seed)))  # noqa: S311 - the same
        seconds = time.monotonic() - began
        spent = max(one.cpu_seconds() - first for one, first in zip(gateways, cpu, strict=True))
        commands = meter.read(0).commands - before.commands
        return asked / seconds, (upstream.requests() - calls - 1) / seconds, commands / seconds, spent / seconds - idle


def _idle_share(gateway: Server) -> float:
    """Return the share of a core that a process takes with nothing to do."""
    before = gateway.cpu_seconds()
    time.sleep(_IDLE_SECONDS)
    return (gateway.cpu_seconds() - before) / _IDLE_SECONDS


async def _ask(gateways: list[Server], seconds: float, chance: Random) -> int:
    """Send operations at a constant rate, each to one of the gateways; return how many."""
    bodies = delivery_workload().bodies(RECORDS)
    idle = [[Connection(one.port)] for one in gateways]
    running: set[asyncio.Task[None]] = set()
    asked, began = 0, time.monotonic()

    async def ask(place: int, body: bytes) -> None:
        connection = idle[place].pop() if idle[place] else Connection(gateways[place].port)
        await connection.post(body)
        idle[place].append(connection)

    while (passed := time.monotonic() - began) < seconds:
        while asked < OPERATIONS * len(gateways) * passed:
            task = asyncio.create_task(ask(asked % len(gateways), chance.choice(bodies)))
            running.add(task)
            task.add_done_callback(running.discard)
            asked += 1
        await asyncio.sleep(0.01)
    await asyncio.gather(*running)
    for connections in idle:
        for connection in connections:
            await connection.close()
    return asked
