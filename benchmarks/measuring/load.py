"""Puts load on a server, by wrk where it is installed, and says how it went."""

import asyncio
import itertools
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from measuring.http_exchange import Connection
from measuring.operations import Workload
from measuring.processes import Server

_SCRIPT: Final = """
local requests = {}
local turn = 0
function init(arguments)
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", "/graphql",
      {["Host"] = "127.0.0.1", ["Content-Type"] = "application/json", ["Accept"] = "application/json"}, line)
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency)
  local failed = summary.errors
  local keys = '"seconds": %f, "requests": %d, "bytes": %d, "failed": %d, "p50": %f, "p99": %f'
  io.write(string.format("\\nRESULT {" .. keys .. "}\\n", summary.duration / 1e6, summary.requests, summary.bytes,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""
_TOLERATED: Final = 0.02
"""How far answers may be from the length of a whole one: ids and instants are not all of one length."""


@dataclass(frozen=True)
class Figures:
    """What one load came to.

    Args:
        rate: Operations a second.
        p50: Milliseconds.
        p99: Milliseconds.
        cpu: Microseconds of CPU time of the server for one operation.
    """

    rate: float
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True)
class Load:
    """What the load itself says: requests answered, in how many seconds, with how many bytes; latencies in ms."""

    requests: int
    seconds: float
    received: int
    p50: float
    p99: float


def median(figures: Sequence[Figures]) -> Figures:
    """The median of each figure."""
    columns = zip(*[(one.rate, one.p50, one.p99, one.cpu) for one in figures], strict=True)
    return Figures(*[statistics.median(column) for column in columns])


def put_load(
    server: Server, workload: Workload, bodies: Sequence[bytes], *, seconds: float, connections: int
) -> Figures:
    """Ask for as long as told, over connections that each wait for their answer before they ask again.

    Args:
        server: Listens at /graphql.
        workload: What is asked for.
        bodies: The requests, sent in turn.
        seconds: How long.
        connections: How many ask at once.

    Raises:
        SystemExit: an answer was not whole.
    """
    expected = asyncio.run(_whole_length(server, workload, bodies))
    before = server.cpu_seconds()
    load = ask_for(server.port, bodies, seconds, connections)
    cpu = server.cpu_seconds() - before
    if not load.requests:
        raise SystemExit(f"{server.name} answered no {workload.name} in {seconds:.0f} s; measure for longer: --seconds")
    length = load.received / load.requests
    if abs(length - expected) > expected * _TOLERATED:
        raise SystemExit(
            f"{server.name} answers {workload.name} with {length:.0f} bytes; whole answers have {expected:.0f}"
        )
    return Figures(load.requests / load.seconds, load.p50, load.p99, 1e6 * cpu / load.requests)


def ask_for(port: int, bodies: Sequence[bytes], seconds: float, connections: int) -> Load:
    """Ask without a look at the answers, by wrk or from Python; arguments as for `put_load`."""
    return (_wrk if shutil.which("wrk") else _python)(port, bodies, seconds, connections)


def _wrk(port: int, bodies: Sequence[bytes], seconds: float, connections: int) -> Load:
    with TemporaryDirectory() as folder:
        script, lines = Path(folder, "load.lua"), Path(folder, "bodies")
        script.write_text(_SCRIPT)
        lines.write_bytes(b"\n".join(bodies))
        options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "--latency"]
        command = ["wrk", *options, "-s", str(script), f"http://127.0.0.1:{port}", "--", str(lines)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result: dict[str, Any] = json.loads(said.rpartition("RESULT ")[2])
    if result["failed"]:
        raise SystemExit(f"{result['failed']} requests failed:\n{said}")
    return Load(result["requests"], result["seconds"], result["bytes"], result["p50"], result["p99"])


def _python(port: int, bodies: Sequence[bytes], seconds: float, connections: int) -> Load:
    return asyncio.run(_asked_from_python(port, bodies, seconds, connections))


async def _asked_from_python(port: int, bodies: Sequence[bytes], seconds: float, connections: int) -> Load:
    start = time.perf_counter()
    turns = itertools.takewhile(lambda _: time.perf_counter() < start + seconds, itertools.cycle(bodies))
    lengths, latencies = await ask_all(port, turns, connections)
    taken = time.perf_counter() - start
    hundredths = statistics.quantiles(latencies, n=100)
    return Load(len(lengths), taken, sum(lengths), hundredths[49] * 1e3, hundredths[98] * 1e3)


async def ask_all(port: int, bodies: Iterator[bytes], connections: int) -> tuple[list[int], list[float]]:
    """Send each of the requests once.

    Returns:
        The answers' lengths in bytes, and how long each took in seconds.

    Raises:
        SystemExit: a status was not 200.
    """
    lengths: list[int] = []
    latencies: list[float] = []

    async def ask_in_turn() -> None:
        connection = Connection(port)
        for body in bodies:
            start = time.perf_counter()
            answer = await connection.post(body)
            latencies.append(time.perf_counter() - start)
            lengths.append(answer.length)
            if answer.status != 200:
                raise SystemExit(f"status {answer.status}: {answer.body[:500]!r}")
        await connection.close()

    await asyncio.gather(*[ask_in_turn() for _ in range(connections)])
    return lengths, latencies


async def _whole_length(server: Server, workload: Workload, bodies: Sequence[bytes]) -> float:
    connection = Connection(server.port)
    lengths = []
    for body in bodies[:: max(1, len(bodies) // 5)]:
        answer = await connection.post(body)
        if not workload.is_whole(answer.body):
            raise SystemExit(f"{server.name} does not answer {workload.name}: {answer.body[:1000]!r}")
        lengths.append(answer.length)
    await connection.close()
    return statistics.mean(lengths)
