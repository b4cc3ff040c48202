"""Test status changes under failures: two gateways on one Redis, unreliable webhooks, killed processes.

A small logistics API moves tasks through numbered statuses and sends webhooks: twice, late, out of order, or not at
all. Subscribers follow the tasks over SSE, drop their connections at random and reconnect with their last cursor to
either gateway. Every few seconds one gateway is killed and restarted. For each subscriber and task the events must be
in order and complete, without repetitions, unless a GAP event reports a loss. Everything runs on loopback.

    python benchmarks/chaos.py --changes 10000 --seed 1

It needs `redis-server` on PATH, or `--redis URL`. The exit status is 1 if an event was lost or repeated.
"""

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import orjson
import uvloop
from measuring.processes import GATEWAY, free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.server import serving

_SECRET = "chaos"  # noqa: S105 - on loopback, during one run
_SETTLING_SECONDS = 60.0

FOLLOW = """
subscription ($ids: [ID!]!) {
  statusChanged(ids: $ids) { kind rawStatus previousRawStatus node { id } }
}
"""


@dataclass
class Tally:
    """The counts of what happened; run lifetime."""

    counts: Counter[str] = field(default_factory=Counter)
    reported: set[tuple[str, str]] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    def wrong(self, what: str, example: str) -> None:
        """Count a failure, and keep the first examples."""
        self.counts[what] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{what}: {example}")


class Upstream:
    """A logistics API whose tasks are changed by `Chaos`; run lifetime."""

    def __init__(self, tasks: int) -> None:
        self.numbers = {f"task-{number}": 0 for number in range(tasks)}
        self.app = Starlette(routes=[Route("/platform/tasks/{task_id}", self._task)])
        self.reads = 0

    def status(self, task_id: str) -> str:
        """Return the current status of a task."""
        return f"s{self.numbers[task_id]}"

    async def _task(self, request: Request) -> Response:
        self.reads += 1
        task_id = request.path_params["task_id"]
        body = {"id": task_id, "current_status": self.status(task_id)}
        return Response(orjson.dumps(body), media_type="application/json")


class Gateways:
    """Two gateway processes at fixed ports; run lifetime."""

    def __init__(self, upstream: str, redis: str) -> None:
        self.ports = [free_port() for _ in range(2)]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")},
            "GATEWAY_LOGISTICS__URL": upstream,
            "GATEWAY_LOGISTICS__TOKEN": "chaos",
            "GATEWAY_LOGISTICS__CONCURRENCY": "100",
            "GATEWAY_REDIS_URL": redis,
            "GATEWAY_REDIS_PREFIX": f"chaos-{uuid4().hex}:",
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_WEBHOOK_SECRET": _SECRET,
            "GATEWAY_EVENTS__POLL_MIN_SECONDS": "0.2",
            "GATEWAY_EVENTS__POLL_MAX_SECONDS": "2",
            "GATEWAY_EVENTS__CONNECTIONS_PER_CALLER": "1000",
            "GATEWAY_LOG__LEVEL": "error",
        }
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, port: int) -> None:
        """Start a gateway without waiting; see `ready`."""
        environment = {**self._environment, "GATEWAY_PORT": str(port)}
        self._processes[port] = subprocess.Popen(GATEWAY, env=environment, start_new_session=True)

    async def ready(self, client: httpx.AsyncClient, port: int) -> None:
        """Wait until a gateway is ready."""
        while True:
            with suppress(httpx.HTTPError, AttributeError):
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)

    def kill(self, port: int) -> None:
        """Kill a gateway with SIGKILL."""
        process = self._processes.pop(port)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        """Kill the running gateways."""
        for port in list(self._processes):
            self.kill(port)


class Subscriber:
    """Follows some tasks over connections that it drops at random; run lifetime."""

    def __init__(self, name: int, task_ids: list[str], tally: Tally, chance: Random) -> None:
        self._name = name
        self._tally = tally
        self._chance = chance
        self.task_ids = task_ids
        self._ids = [f"LogisticsTask:{task_id}" for task_id in task_ids]
        self._cursor: str | None = None
        self.stands: dict[str, str] = {}
        self.reconnects = True

    async def follow(self, client: httpx.AsyncClient, ports: list[int]) -> None:
        """Connect repeatedly until cancelled."""
        while True:
            seconds = self._chance.uniform(0.3, 6) if self.reconnects else None
            # httpx raises AttributeError for a connection that is reset while it opens.
            with suppress(httpx.HTTPError, TimeoutError, AttributeError):
                async with asyncio.timeout(seconds):
                    await self._connect(client, self._chance.choice(ports))
            self._tally.counts["connections"] += 1
            await asyncio.sleep(self._chance.uniform(0.01, 0.2))

    async def _connect(self, client: httpx.AsyncClient, port: int) -> None:
        headers = {"accept": "text/event-stream"}
        if self._cursor is not None:
            headers["last-event-id"] = self._cursor
        body = {"query": FOLLOW, "variables": {"ids": self._ids}}
        async with client.stream("POST", f"http://127.0.0.1:{port}/graphql", json=body, headers=headers) as answer:
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.strip()
                else:
                    self._take(fields)
                    fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        if not fields.get("data"):
            return
        answer = orjson.loads(fields["data"])
        if answer.get("errors"):
            self._tally.wrong("errors", str(answer["errors"]))
            return
        self._cursor = fields.get("id", self._cursor)
        self._note(answer["data"]["statusChanged"])

    def _note(self, event: dict[str, Any]) -> None:
        self._tally.counts["events"] += 1
        if event["kind"] == "PROBLEM":
            self._tally.wrong("errors", str(event))
            return
        if event["kind"] == "GAP":
            self._tally.counts["gaps"] += 1
            self.stands = {}
            return
        task_id, status = event["node"]["id"], event["rawStatus"]
        stands = self.stands.get(task_id)
        problem = f"subscriber {self._name}, {task_id} stood at {stands}: {event}"
        if event["kind"] == "CHANGE":
            self._tally.reported.add((task_id, status))
        if stands is not None and int(status[1:]) <= int(stands[1:]):
            self._tally.wrong("repeated", problem)
        elif stands != (event["previousRawStatus"] if event["kind"] == "CHANGE" else None):
            self._tally.wrong("lost", problem)
        self.stands[task_id] = status


class Chaos:
    """Changes tasks, sends webhooks and kills gateways; run lifetime."""

    def __init__(self, upstream: Upstream, gateways: Gateways, tally: Tally, chance: Random) -> None:
        self._upstream = upstream
        self._gateways = gateways
        self._tally = tally
        self._chance = chance
        self._webhooks: set[asyncio.Task[None]] = set()

    async def change(self, client: httpx.AsyncClient, changes: int, per_second: float) -> None:
        """Make all changes, each followed by its webhooks unless they are dropped at random."""
        began = time.monotonic()
        for number in range(changes):
            task_id = self._chance.choice(list(self._upstream.numbers))
            self._upstream.numbers[task_id] += 1
            self._announce(client, task_id)
            await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))

    async def kill(self, client: httpx.AsyncClient, every_seconds: float) -> None:
        """Kill and restart a random gateway periodically until cancelled."""
        while True:
            await asyncio.sleep(every_seconds * self._chance.uniform(0.5, 1.5))
            port = self._chance.choice(self._gateways.ports)
            self._gateways.kill(port)
            self._tally.counts["kills"] += 1
            await asyncio.sleep(self._chance.uniform(0, 1))
            self._gateways.start(port)
            await self._gateways.ready(client, port)

    def _announce(self, client: httpx.AsyncClient, task_id: str) -> None:
        if self._chance.random() < 0.1:
            self._tally.counts["webhooks dropped"] += 1
            return
        for _ in range(2 if self._chance.random() < 0.2 else 1):
            late = self._chance.uniform(0, 3) if self._chance.random() < 0.2 else self._chance.uniform(0, 0.05)
            sending = asyncio.create_task(self._send(client, task_id, late))
            self._webhooks.add(sending)
            sending.add_done_callback(self._webhooks.discard)

    async def _send(self, client: httpx.AsyncClient, task_id: str, late: float) -> None:
        body = {"type": "update", "model_name": "Task", "data": {"id": task_id}}
        await asyncio.sleep(late)
        port = self._chance.choice(self._gateways.ports)
        with suppress(httpx.HTTPError, AttributeError):
            await client.post(f"http://127.0.0.1:{port}/webhooks/logistics/{_SECRET}", json=body)
            self._tally.counts["webhooks sent"] += 1


async def run(arguments: argparse.Namespace, redis: str) -> Tally:
    """Run the whole test and return the counts."""
    chance, tally = Random(arguments.seed), Tally()  # noqa: S311 - repeatable, no secrets
    upstream = Upstream(arguments.tasks)
    async with AsyncExitStack() as stack:
        gateways = Gateways(await stack.enter_async_context(serving(upstream.app)), redis)
        stack.callback(gateways.kill_all)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=None, limits=limits))  # noqa: S113 - streams last
        for port in gateways.ports:
            gateways.start(port)
        for port in gateways.ports:
            await gateways.ready(client, port)
        subscribers = [
            Subscriber(name, chance.sample(list(upstream.numbers), arguments.follow), tally, chance)
            for name in range(arguments.subscribers)
        ]
        following = [asyncio.create_task(subscriber.follow(client, gateways.ports)) for subscriber in subscribers]
        chaos = Chaos(upstream, gateways, tally, chance)
        killing = asyncio.create_task(chaos.kill(client, arguments.kill_every))
        await chaos.change(client, arguments.changes, arguments.per_second)
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        await _settle(upstream, gateways, subscribers, tally, client)
        for task in following:
            task.cancel()
        for ended in await asyncio.gather(*following, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                tally.wrong("errors", repr(ended))
    tally.counts["reads"] = upstream.reads
    return tally


async def _settle(
    upstream: Upstream, gateways: Gateways, subscribers: list[Subscriber], tally: Tally, client: httpx.AsyncClient
) -> None:
    """Wait until every subscriber has the final statuses; the others have lost an event."""
    for port in gateways.ports:
        with suppress(KeyError):
            gateways.kill(port)
        gateways.start(port)
        await gateways.ready(client, port)
    for subscriber in subscribers:
        subscriber.reconnects = False
    until = time.monotonic() + _SETTLING_SECONDS
    while time.monotonic() < until and any(_behind(upstream, subscriber) for subscriber in subscribers):  # noqa: ASYNC110 - polls
        await asyncio.sleep(0.2)
    for subscriber in subscribers:
        for problem in _behind(upstream, subscriber):
            tally.wrong("lost", problem)


def _behind(upstream: Upstream, subscriber: Subscriber) -> list[str]:
    stands = {task_id: subscriber.stands.get(f"LogisticsTask:{task_id}") for task_id in subscriber.task_ids}
    return [f"{name} ended at {stood}" for name, stood in stands.items() if stood != upstream.status(name)]


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--per-second", type=float, default=100.0)
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--subscribers", type=int, default=50)
    parser.add_argument("--follow", type=int, default=5, help="tasks for each subscriber")
    parser.add_argument("--kill-every", type=float, default=5.0, help="seconds, on average")
    parser.add_argument("--redis", help="URL; the default is a new server")
    return parser.parse_args()


def main() -> int:
    """Run, and print how many events were lost and repeated."""
    arguments = _parsed()
    server, url = None, arguments.redis
    if url is None:
        command, port = shutil.which("redis-server"), free_port()
        if command is None:
            sys.exit("There is no redis-server on PATH: install it, or name a running one with --redis.")
        silent = ["--save", "", "--bind", "127.0.0.1", "--loglevel", "warning"]
        server = subprocess.Popen([command, "--port", str(port), *silent], stdout=subprocess.DEVNULL)
        url = f"redis://127.0.0.1:{port}/0"
    try:
        tally = uvloop.run(run(arguments, url))
    finally:
        if server is not None:
            server.kill()
            server.wait()
    counts = tally.counts
    for example in tally.examples:
        print(example)
    print(f"seed {arguments.seed}: {arguments.changes} changes made, {len(tally.reported)} of them received")
    for name in ("events", "connections", "kills", "gaps", "webhooks sent", "webhooks dropped", "reads", "errors"):
        print(f"{name}: {counts[name]}")
    print(f"lost: {counts['lost']}")
    print(f"repeated: {counts['repeated']}")
    return 1 if counts["lost"] or counts["repeated"] or counts["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
