"""Load on a server, by wrk if it is installed and otherwise by this process, and the figures of the load."""

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
"""Allowed deviation from the length of a complete response: ids and timestamps vary in length."""


@dataclass(frozen=True)
class Pace:
    """How long and how often a run measures.

    Args:
        seconds: Duration of each load.
        rounds: Repetitions of each load, after one warm-up.
        starts: How often a gateway is started.
        deliveries: How many deliveries are cached.
    """

    seconds: float = 4
    rounds: int = 5
    starts: int = 7
    deliveries: int = 10_000


QUICK = Pace(seconds=2, rounds=2, starts=3)
"""Enough to check that everything works; the figures are rough."""


@dataclass(frozen=True)
class Response:
    """A response.

    Args:
        status: The HTTP status.
        body: The body as received.
        length: Bytes received, including the head.
    """

    status: int
    body: bytes
    length: int


class Connection:
    """A keep-alive HTTP/1.1 connection to a local server; lifetime of one load."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> Response:
        """Send one request to /graphql and return the response.

        Raises:
            ConnectionError: The server closed the connection.
            ValueError: The response has no Content-Length.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        reader, writer = self._streams
        writer.write(request_head(len(body)) + body)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            content = await reader.readexactly(_content_length(head))
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the server closed the connection before its answer was whole") from error
        return Response(int(head[9:12]), content, len(head) + len(content))

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()


def request_head(length: int) -> bytes:
    """Return the head of a request with a body of `length` bytes."""
    return (
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Accept: application/json\r\nContent-Length: %d\r\n\r\n" % length
    )


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"the answer has no Content-Length: {head[:200]!r}")


@dataclass(frozen=True)
class Figures:
    """The figures of one load.

    Args:
        rate: Operations a second.
        p50: Median latency in milliseconds.
        p99: 99th percentile of the latency in milliseconds.
        cpu: CPU time of the server for one operation in microseconds.
    """

    rate: float
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True)
class Load:
    """The result of the load generator: requests answered, duration, bytes received, latencies in milliseconds."""

    requests: int
    seconds: float
    received: int
    p50: float
    p99: float


def median(figures: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    columns = zip(*[(one.rate, one.p50, one.p99, one.cpu) for one in figures], strict=True)
    return Figures(*[statistics.median(column) for column in columns])


def put_load(
    server: Server, workload: Workload, bodies: Sequence[bytes], *, seconds: float, connections: int
) -> Figures:
    """Send requests for `seconds`. Each connection waits for a response before its next request.

    Args:
        server: A server with GraphQL at /graphql.
        workload: The workload that the bodies belong to.
        bodies: The request bodies, sent in turn.
        seconds: Duration of the load.
        connections: Concurrent connections.

    Raises:
        SystemExit: A response was incomplete.
    """
    expected = asyncio.run(_whole_length(server, workload, bodies))
    before = server.cpu_seconds()
    load = run_load(server.port, bodies, seconds, connections)
    cpu = server.cpu_seconds() - before
    if not load.requests:
        raise SystemExit(f"{server.name} answered no {workload.name} in {seconds:.0f} s; measure for longer: --seconds")
    length = load.received / load.requests
    if abs(length - expected) > expected * _TOLERATED:
        raise SystemExit(
            f"{server.name} answers {workload.name} with {length:.0f} bytes; whole answers have {expected:.0f}"
        )
    return Figures(load.requests / load.seconds, load.p50, load.p99, 1e6 * cpu / load.requests)


def run_load(port: int, bodies: Sequence[bytes], seconds: float, connections: int) -> Load:
    """Send requests without checking the responses; the arguments are those of `put_load`."""
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
    return asyncio.run(_python_load(port, bodies, seconds, connections))


async def _python_load(port: int, bodies: Sequence[bytes], seconds: float, connections: int) -> Load:
    start = time.perf_counter()
    turns = itertools.takewhile(lambda _: time.perf_counter() < start + seconds, itertools.cycle(bodies))
    lengths, latencies = await ask_all(port, turns, connections)
    taken = time.perf_counter() - start
    hundredths = statistics.quantiles(latencies, n=100)
    return Load(len(lengths), taken, sum(lengths), hundredths[49] * 1e3, hundredths[98] * 1e3)


async def ask_all(port: int, bodies: Iterator[bytes], connections: int) -> tuple[list[int], list[float]]:
    """Send each of the requests once.

    Returns:
        The length of each response in bytes, and its latency in seconds.

    Raises:
        SystemExit: A response had a status other than 200.
    """
    lengths: list[int] = []
    latencies: list[float] = []

    async def send_in_turn() -> None:
        connection = Connection(port)
        for body in bodies:
            start = time.perf_counter()
            answer = await connection.post(body)
            latencies.append(time.perf_counter() - start)
            lengths.append(answer.length)
            if answer.status != 200:
                raise SystemExit(f"status {answer.status}: {answer.body[:500]!r}")
        await connection.close()

    await asyncio.gather(*[send_in_turn() for _ in range(connections)])
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
