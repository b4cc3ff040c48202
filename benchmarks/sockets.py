"""Measure many open WebSocket subscriptions in one worker: memory, polls for each record, latency of a change.

The script starts the simulated upstreams and a gateway with one worker, creates logistics tasks, opens subscriptions
to them in turn, and then changes every task by a mutation. Everything runs on loopback.

    python benchmarks/sockets.py --subscriptions 5000 --records 250

The limit of open files in the shell (`ulimit -n`) must exceed the number of subscriptions.
"""

import argparse
import asyncio
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import orjson
import uvloop

from gateway.sandbox.options import LogisticsOptions

_COMMAND = [sys.executable, "-c", "from gateway.cli import main; main()"]
_AT_ONCE = 100
_WAIT_SECONDS = 30
_TEXT, _PING = 0x81, 0x89

CREATE = """
mutation ($tasks: [LogisticsTaskInput!]!) {
  createLogisticsTasks(tasks: $tasks, draft: true) { tasks { id } errors { message } }
}
"""
BROADCAST = """
mutation ($ids: [ID!]!) { broadcastLogisticsTasks(ids: $ids) { tasks { id } errors { message } } }
"""
FOLLOW = """
subscription ($ids: [ID!]!) {
  statusChanged(ids: $ids) { kind cursor progress rawStatus node { id progress final rawStatus } }
}
"""


@dataclass
class Tally:
    """The messages received by all subscribers so far; run lifetime."""

    received: Counter[str] = field(default_factory=Counter)
    changed_at: list[float] = field(default_factory=list)
    goal: tuple[str, int] = ("", 0)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    odd: str = ""

    def add(self, kind: str) -> None:
        """Count one message of a kind."""
        self.received[kind] += 1
        if kind == "CHANGE":
            self.changed_at.append(time.perf_counter())
        if self.received[self.goal[0]] >= self.goal[1]:
            self.reached.set()

    async def until(self, kind: str, count: int) -> None:
        """Wait until `count` messages of a kind were received."""
        self.goal = (kind, count)
        self.reached.clear()
        if self.received[kind] < count:
            try:
                async with asyncio.timeout(_WAIT_SECONDS):
                    await self.reached.wait()
            except TimeoutError:
                raise SystemExit(
                    f"fewer than {count} of {kind} received: {dict(self.received)}, last {self.odd}"
                ) from None


class Subscriber(asyncio.Protocol):
    """A minimal client of graphql-transport-ws with one subscription; connection lifetime."""

    def __init__(self, tally: Tally, task_id: str) -> None:
        self._tally = tally
        self._task_id = task_id
        self._buffer = b""
        self._open = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Request the WebSocket upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            b"GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        """Handle messages, and respond to those that need a response."""
        self._buffer += data
        if not self._open:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self._open, self._buffer = True, rest
            if b" 101 " not in head:
                self._tally.add("REFUSED")
            self._send({"type": "connection_init"})
        for opcode, payload in self._frames():
            self._handle(opcode, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the lost connection."""
        del exc
        self._tally.add("LOST")

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        while len(self._buffer) >= 2:
            length, start = self._buffer[1], 2
            if length == 126:
                length, start = int.from_bytes(self._buffer[2:4], "big"), 4
            if len(self._buffer) < start + length:
                return
            frame, self._buffer = self._buffer[: start + length], self._buffer[start + length :]
            yield frame[0], frame[start:]

    def _handle(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._write(0x8A, payload)
        if opcode != _TEXT:
            return
        message = orjson.loads(payload)
        if message["type"] == "connection_ack":
            self._send({"type": "subscribe", "id": "1", "payload": self._subscription()})
        elif message["type"] == "ping":
            self._send({"type": "pong"})
        elif message["type"] == "next" and message["payload"]["data"]:
            self._tally.add(message["payload"]["data"]["statusChanged"]["kind"])
        else:
            self._tally.odd = payload.decode()
            self._tally.add(message["type"].upper())

    def _subscription(self) -> dict[str, Any]:
        return {"query": FOLLOW, "variables": {"ids": [self._task_id]}}

    def _send(self, message: dict[str, Any]) -> None:
        self._write(_TEXT, orjson.dumps(message))

    def _write(self, opcode: int, payload: bytes) -> None:
        # A mask of zeros leaves the payload unchanged.
        size = len(payload)
        length = bytes([size | 0x80]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        assert self._transport is not None  # noqa: S101 - nothing is written before there is one
        self._transport.write(bytes([opcode]) + length + b"\0\0\0\0" + payload)


@contextmanager
def started(arguments: list[str], environment: dict[str, str], announced: str) -> Iterator[tuple[int, str]]:
    """Run a gateway command; yields its process id and the match of `announced` in its output."""
    process = subprocess.Popen(
        [*_COMMAND, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        for line in process.stdout:
            if found := re.search(announced, line):
                # Drain the output: a full pipe would block the process.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                yield process.pid, found[1]
                return
        raise SystemExit(f"{arguments[0]} ended instead of serving")
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process in seconds, over all its threads."""
    times = [int(one.read_text().split()[0]) for one in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(times) / 1e9


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def asked(client: httpx.AsyncClient, query: str, **variables: object) -> dict[str, Any]:
    """Send a query or mutation and return its data; exits if it was refused."""
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    if "errors" in answer:
        raise SystemExit(f"the gateway refused: {answer['errors'][0]}")
    data: dict[str, Any] = next(iter(answer["data"].values()))
    if data["errors"]:
        raise SystemExit(f"the upstream refused: {data['errors'][0]}")
    return data


def new_task() -> dict[str, Any]:
    """Return the input of a new task."""
    address = {"streetAddress": "1 Raffles Place", "city": "Singapore", "country": "Singapore", "zipCode": "048616"}

    def stop(start: str, end: str) -> dict[str, Any]:
        window = {"start": f"2030-01-01T{start}:00Z", "end": f"2030-01-01T{end}:00Z"}
        return {"address": address, "timeWindow": window, "contact": {"name": "Ada", "phone": "+6591234567"}}

    price = {"amount": "10.00", "currency": "SGD"}
    return {"pickup": stop("10:00", "11:00"), "dropoff": stop("12:00", "13:00"), "price": price}


async def open_subscriptions(port: int, tally: Tally, task_ids: list[str], count: int) -> list[Subscriber]:
    """Open subscriptions to the tasks in turn, in batches, and wait for the snapshot of each."""
    loop, subscribers = asyncio.get_running_loop(), []
    before = tally.received["SNAPSHOT"]
    for first in range(0, count, _AT_ONCE):
        some = [
            Subscriber(tally, task_ids[number % len(task_ids)]) for number in range(first, min(first + _AT_ONCE, count))
        ]
        for subscriber in some:
            await loop.create_connection(lambda subscriber=subscriber: subscriber, "127.0.0.1", port)  # type: ignore[misc]
        subscribers += some
        await tally.until("SNAPSHOT", before + len(subscribers))
    return subscribers


async def measure(gateway: tuple[int, str], logistics: str, subscriptions: int, records: int) -> None:
    """Run the measurement and print the figures."""
    pid, url = gateway
    port, tally = httpx.URL(url).port or 0, Tally()
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client,
        httpx.AsyncClient(base_url=logistics, trust_env=False, timeout=60) as upstream,
    ):
        created = await asked(client, CREATE, tasks=[new_task() for _ in range(records)])
        task_ids = [task["id"] for task in created["tasks"]]
        for subscriber in await open_subscriptions(port, tally, task_ids, records):
            subscriber.close()
        await tally.until("LOST", records)
        empty = resident_kib(pid)
        begun = time.perf_counter()
        await open_subscriptions(port, tally, task_ids, subscriptions)
        full = resident_kib(pid)
        print(f"{subscriptions} subscriptions to {records} records open after {time.perf_counter() - begun:.1f} s")
        print(f"resident: {empty} KiB before, {full} KiB with all open: {(full - empty) / subscriptions:.1f} KiB each")
        await upstream.delete("/_sandbox/requests")
        await asyncio.sleep(10)
        polls = Counter(one["path"] for one in (await upstream.get("/_sandbox/requests")).json()["requests"])
        print(f"polls in 10 s: {sum(polls.values())}, of one record at most {max(polls.values(), default=0)}")
        await _measure_change(client, pid, tally, task_ids, subscriptions)


async def _measure_change(
    client: httpx.AsyncClient, pid: int, tally: Tally, task_ids: list[str], subscriptions: int
) -> None:
    before = tally.received["CHANGE"]
    begun, used = time.perf_counter(), cpu_seconds(pid)
    await asked(client, BROADCAST, ids=task_ids)
    answered = time.perf_counter()
    await tally.until("CHANGE", before + subscriptions)
    spent = 1e6 * (cpu_seconds(pid) - used) / subscriptions
    arrived = tally.changed_at[before : before + subscriptions]
    print(f"a change of every record: mutation answered after {answered - begun:.2f} s, first change received after")
    print(f"{arrived[0] - begun:.2f} s, all {subscriptions} after {arrived[-1] - begun:.2f} s")
    print(f"CPU of the gateway: {spent:.0f} us for each of these events, the mutation's share included")
    print(f"resident: {resident_kib(pid)} KiB after it; received in all: {dict(tally.received)}")


def main() -> None:
    """Start the servers, measure, and stop the servers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subscriptions", type=int, default=5000)
    parser.add_argument("--records", type=int, default=250)
    options = parser.parse_args()
    sandbox = ["sandbox", "--port", "0", "--no-webhooks", "--speed", "0.001"]
    with started(sandbox, {}, r"logistics +(http://127\.0\.0\.1:\d+)") as (_, logistics):
        environment = {
            "GATEWAY_PORT": "0",
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_LIMITS__COST": "100000",
            "GATEWAY_EVENTS__CONNECTIONS_PER_CALLER": "100000",
            "GATEWAY_LOGISTICS__URL": logistics,
            "GATEWAY_LOGISTICS__TOKEN": LogisticsOptions().token,
            "GATEWAY_SECRET_KEYS": secrets.token_urlsafe(32),
        }
        with started(["serve"], environment, r"(http://127\.0\.0\.1:\d+)/graphql") as gateway:
            uvloop.run(measure(gateway, logistics, options.subscriptions, options.records))


if __name__ == "__main__":
    main()
