"""The gateway beside another server, under the same load in turn, as ratios of runs that follow each other."""

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

from measuring.gateway import running_gateway
from measuring.http_exchange import Connection
from measuring.load import Figures, median, put_load
from measuring.operations import WORKLOADS, Workload
from measuring.pace import Pace
from measuring.processes import Server, free_port, running, uvicorn_command
from measuring.upstream import Upstream

CONNECTIONS: Final = 32
"""How many ask at once where responses are shared or kept."""

Round: TypeAlias = tuple[Figures, Figures]
"""What one load came to on the gateway, and the same load on the other server just after it."""


@dataclass(frozen=True)
class Comparison:
    """One workload on two servers.

    Args:
        mode: What the gateway may keep and share.
        workload: What both were asked for.
        calls: How many upstream calls one operation took: the gateway's, the other's.
        gateway: Medians over the rounds.
        other: Alike.
        ratio: The median of the rounds' ratios of operations a second, gateway by other.
    """

    mode: str
    workload: Workload
    calls: tuple[int, int]
    gateway: Figures
    other: Figures
    ratio: float


def compare_with_plain(upstream: Upstream, pace: Pace) -> Iterator[Comparison]:
    """Where nothing may be kept: against Strawberry, httpx and DataLoaders written the usual way."""
    with running_gateway(upstream, "cold") as gateway, _running_plain(upstream) as plain:
        sides = _Sides(upstream, gateway, plain)
        # All are counted before any load: what a load leaves behind would be counted as well.
        calls = [(sides.calls(gateway, workload), sides.calls(plain, workload)) for workload in WORKLOADS]
        for workload, counted in zip(WORKLOADS, calls, strict=True):
            rounds = sides.rounds(workload, workload.bodies(), workload.connections, pace)
            yield _comparison("cold", workload, counted, rounds)


def compare_with_bare(upstream: Upstream, mode: str, pace: Pace) -> Iterator[Comparison]:
    """Where equal operations are shared or responses kept: against an app that answers the same bytes at once."""
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
    """Two servers over one upstream; lives as long as both run."""

    upstream: Upstream
    gateway: Server
    other: Server

    def calls(self, server: Server, workload: Workload) -> int:
        """How many upstream calls one operation takes."""
        before = self.upstream.requests()
        asyncio.run(_answer(server, workload.bodies(1)[0]))
        return self.upstream.requests() - before - 1

    def rounds(self, workload: Workload, bodies: Sequence[bytes], connections: int, pace: Pace) -> list[Round]:
        """Load both in turn; the first round warms up."""
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
        command = uvicorn_command("measuring.bare_app:app", port)
        with running("the bare app", command, port, "/", {"BENCHMARK_ANSWER": str(path)}) as server:
            yield server
