"""Throughput: the gateway compared with other servers, and its CPU time by the number of upstream calls.

Both servers get the same load in turn, and the ratio is the median over the rounds, so that a change in the machine's
speed affects both sides of a ratio alike.
"""

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

from measuring.gateway import running_gateway
from measuring.load import Connection, Figures, Pace, median, put_load
from measuring.operations import WORKLOADS, Workload, tasks_workload
from measuring.processes import Server, free_port, running, uvicorn_command
from measuring.upstream import Upstream

CONNECTIONS: Final = 32
"""Concurrent connections where responses are shared or cached."""

CALLS: Final = (1, 10, 100, 1000)
_SETTINGS: Final = {"GATEWAY_LIMITS__COST": "2000", "GATEWAY_LOGISTICS__TIMEOUT_SECONDS": "30"}
"""Four concurrent operations of 1,000 calls exceed the default cost limit of one caller."""


Round: TypeAlias = tuple[Figures, Figures]
"""The figures of one load on the gateway, and of the same load on the other server right after it."""


@dataclass(frozen=True)
class Comparison:
    """The figures of one workload on two servers.

    Args:
        mode: The mode of the gateway, one of `MODES`.
        workload: The workload.
        calls: Upstream calls of one operation: the gateway's, the other server's.
        gateway: Medians over the rounds.
        other: Medians over the rounds.
        ratio: The median of the rounds' ratios of operations a second, gateway by other.
    """

    mode: str
    workload: Workload
    calls: tuple[int, int]
    gateway: Figures
    other: Figures
    ratio: float


def compare_with_plain(upstream: Upstream, pace: Pace) -> Iterator[Comparison]:
    """Compare a gateway without caches with Strawberry, httpx and DataLoaders written the usual way."""
    with running_gateway(upstream, "cold") as gateway, _running_plain(upstream) as plain:
        sides = _Sides(upstream, gateway, plain)
        # All calls are counted before any load: requests still running after a load would count as well.
        calls = [(sides.calls(gateway, workload), sides.calls(plain, workload)) for workload in WORKLOADS]
        for workload, counted in zip(WORKLOADS, calls, strict=True):
            rounds = sides.rounds(workload, workload.bodies(), workload.connections, pace)
            yield _comparison("cold", workload, counted, rounds)


def compare_with_bare(upstream: Upstream, mode: str, pace: Pace) -> Iterator[Comparison]:
    """Compare a gateway that shares operations or caches responses with an app that sends the same bytes at once."""
    with running_gateway(upstream, mode) as gateway:
        for workload in WORKLOADS:
            bodies = workload.bodies(1)
            with _running_bare(asyncio.run(_answer(gateway, bodies[0]))) as bare:
                rounds = _Sides(upstream, gateway, bare).rounds(workload, bodies, CONNECTIONS, pace)
                yield _comparison(mode, workload, (workload.calls, 0), rounds)


def _comparison(mode: str, workload: Workload, calls: tuple[int, int], rounds: Sequence[Round]) -> Comparison:
    gateway, other = zip(*rounds, strict=True)
    ratio = statistics.median(ours.rate / theirs.rate for ours, theirs in rounds)
    return Comparison(mode, workload, calls, median(gateway), median(other), ratio)


@dataclass(frozen=True)
class _Sides:
    """Two servers over one upstream; lifetime of both servers."""

    upstream: Upstream
    gateway: Server
    other: Server

    def calls(self, server: Server, workload: Workload) -> int:
        """Return the number of upstream calls of one operation."""
        before = self.upstream.requests()
        asyncio.run(_answer(server, workload.bodies(1)[0]))
        return self.upstream.requests() - before - 1

    def rounds(self, workload: Workload, bodies: Sequence[bytes], connections: int, pace: Pace) -> list[Round]:
        """Load both servers in turn; the first round is a warm-up and is dropped."""
        return [self._round(workload, bodies, connections, pace) for _ in range(pace.rounds + 1)][1:]

    def _round(self, workload: Workload, bodies: Sequence[bytes], connections: int, pace: Pace) -> Round:
        figures = []
        for server in (self.gateway, self.other):
            figures.append(put_load(server, workload, bodies, seconds=pace.seconds, connections=connections))
            self.upstream.settle()
        return figures[0], figures[1]


async def _answer(server: Server, body: bytes) -> bytes:
    connection = Connection(server.port)
    try:
        return (await connection.post(body)).body
    finally:
        await connection.close()


@contextmanager
def _running_plain(upstream: Upstream) -> Iterator[Server]:
    port = free_port()
    environment = {"BENCHMARK_UPSTREAM": upstream.server.url}
    with running("the plain server", uvicorn_command("plain.app:app", port), port, "/livez", environment) as server:
        yield server


@contextmanager
def _running_bare(answer: bytes) -> Iterator[Server]:
    port = free_port()
    with TemporaryDirectory() as folder:
        path = Path(folder, "answer")
        path.write_bytes(answer)
        command = uvicorn_command("measuring.static_apps:create_bare", port, factory=True)
        with running("the bare app", command, port, "/", {"BENCHMARK_ANSWER": str(path)}) as server:
            yield server


@dataclass(frozen=True)
class CallCost:
    """The figures of operations with `calls` upstream calls."""

    calls: int
    figures: Figures


def measure_call_costs(upstream: Upstream, pace: Pace) -> Iterator[CallCost]:
    """Load a gateway without caches with operations of 1, 10, 100 and 1,000 calls."""
    with running_gateway(upstream, "cold", _SETTINGS) as gateway:
        for calls in CALLS:
            workload = tasks_workload(calls)
            bodies = workload.bodies(100)
            rounds = [
                put_load(gateway, workload, bodies, seconds=pace.seconds, connections=workload.connections)
                for _ in range(pace.rounds + 1)
            ]
            yield CallCost(calls, median(rounds[1:]))
