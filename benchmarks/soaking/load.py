"""What clients do during the soak: operations at a constant rate, subscriptions that come and go, webhooks."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from soaking.client import Connections, event_stream
from soaking.gateway import WEBHOOK_SECRET
from soaking.identities import Callers, Identity
from soaking.operations import FOLLOW, UPSTREAM_CODES, operation, problems, stamps
from soaking.upstreams import Upstreams

_PATIENCE_SECONDS: Final = 25.0
"""Longer than an operation's deadline, so that only an answer that never comes runs into it."""

_AT_ONCE: Final = 400
_EXAMPLES: Final = 10


@dataclass
class Tally:
    """What happened; run lifetime."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note_wrong(self, problem: str) -> None:
        """Count a broken invariant, and keep the first ones."""
        self.counts["wrong"] += 1
        if len(self.wrong) < _EXAMPLES:
            self.wrong.append(problem)
            print(f"WRONG: {problem}", file=sys.stderr)


class Load:
    """The clients; run lifetime.

    Args:
        port: The gateway's port.
        callers: Who asks.
        upstreams: The records to ask for.
        tally: Counts what happened.
        chance: Decides what is not numbered.
    """

    def __init__(self, port: int, callers: Callers, upstreams: Upstreams, tally: Tally, chance: Random) -> None:
        self._port = port
        self._connections = Connections(port)
        self._callers = callers
        self._upstreams = upstreams
        self._tally = tally
        self._chance = chance
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._number = 0

    async def operations(self, rate: float, seconds: float) -> None:
        """Send operations at a rate, each with the next document and from the next caller, and wait for all answers."""
        began, before = time.monotonic(), self._number
        async with asyncio.TaskGroup() as running:
            while (passed := time.monotonic() - began) < seconds:
                while self._number - before < rate * passed:
                    await self._places.acquire()
                    running.create_task(self._operation(self._number))
                    self._number += 1
                await asyncio.sleep(0.02)

    async def subscriptions(self, count: int) -> None:
        """Keep so many subscriptions open until cancelled, each for some seconds."""
        async with asyncio.TaskGroup() as open_ones:
            for number in range(count):
                open_ones.create_task(self._subscribe(in_socket=number % 2 == 0))

    async def webhooks(self, per_second: float) -> None:
        """Send webhooks until cancelled."""
        while True:
            await asyncio.sleep(1 / per_second)
            body = {
                "type": "update",
                "model_name": "Task",
                "data": {"id": self._chance.choice(self._upstreams.ids.tasks)},
            }
            with suppress(OSError):
                await self._connections.post(f"/webhooks/logistics/{WEBHOOK_SECRET}", orjson.dumps(body), {})
                self._tally.counts["webhooks"] += 1

    async def report(self, every_seconds: float) -> None:
        """Print what happened so far until cancelled."""
        while True:
            await asyncio.sleep(every_seconds)
            waiting = _AT_ONCE - self._places._value  # noqa: SLF001 - asyncio shows it nowhere else
            print(f"{time.strftime('%H:%M:%S')} {waiting} waiting, {dict(self._tally.counts)}", file=sys.stderr)

    async def close(self) -> None:
        """Close the idle connections."""
        await self._connections.close()

    async def _operation(self, number: int) -> None:
        try:
            # Neighbouring numbers are of callers far apart, whose logins are then spread over the warm-up.
            identity = await self._callers.get(number * 7919)
            if identity is None:
                return
            body = operation(number, self._upstreams.ids, logistics_only=identity.logistics_only)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                status, answer = await self._connections.post("/graphql", body, identity.headers)
            self._judge(identity, body, status, answer)
        except TimeoutError:
            self._tally.note_wrong(f"operation {number} had no answer in {_PATIENCE_SECONDS:.0f} s")
        except OSError as error:
            self._tally.note_wrong(f"operation {number}: {error}")
        finally:
            self._places.release()

    def _judge(self, identity: Identity, body: bytes, status: int, answer: bytes) -> None:
        self._tally.counts["operations"] += 1
        self._tally.counts["with errors"] += b'"errors"' in answer
        for problem in problems(status, answer, identity.stamp):
            self._tally.note_wrong(
                f"{problem}; asked by {identity.kind} {identity.number}: {body[:300]!r}: {answer[:300]!r}"
            )

    async def _subscribe(self, *, in_socket: bool) -> None:
        while True:
            identity = await self._callers.get(self._chance.randrange(len(self._callers)))
            if identity is not None:
                await self._follow(identity, in_socket=in_socket)
            await asyncio.sleep(self._chance.uniform(0.05, 0.5))

    async def _follow(self, identity: Identity, *, in_socket: bool) -> None:
        tasks = self._chance.sample(self._upstreams.ids.tasks, 3)
        payload = {"query": FOLLOW, "variables": {"ids": [f"LogisticsTask:{one}" for one in tasks]}}
        events = self._in_socket(identity, payload) if in_socket else self._in_stream(identity, payload)
        self._tally.counts["subscriptions"] += 1
        # TimeoutError ends a subscription that has lasted long enough.
        with suppress(TimeoutError, OSError, WebSocketException):
            async with asyncio.timeout(self._chance.uniform(1, 15)):
                async for event in events:
                    self._judge_event(identity, event)

    def _judge_event(self, identity: Identity, event: bytes) -> None:
        answer = orjson.loads(event)
        self._tally.counts["events"] += 1
        codes = {error.get("extensions", {}).get("code") for error in answer.get("errors", ())}
        wrong = [stamp for stamp in stamps(answer.get("data")) if stamp != identity.stamp]
        if codes - UPSTREAM_CODES or wrong:
            self._tally.note_wrong(f"an event for {identity.kind} {identity.number}: {event[:300]!r}")

    async def _in_stream(self, identity: Identity, payload: Mapping[str, object]) -> AsyncIterator[bytes]:
        async with event_stream(self._port, orjson.dumps(payload), identity.headers) as (_, events):
            async for data in events:
                if data:
                    yield data

    async def _in_socket(self, identity: Identity, payload: Mapping[str, object]) -> AsyncIterator[bytes]:
        url, protocol = f"ws://127.0.0.1:{self._port}/graphql", "graphql-transport-ws"
        async with connect(url, subprotocols=[protocol], additional_headers=dict(identity.headers)) as socket:
            await socket.send('{"type":"connection_init"}')
            await socket.recv()
            await socket.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())
            async for message in socket:
                said = orjson.loads(message)
                if said["type"] == "next":
                    yield orjson.dumps(said["payload"])
                elif said["type"] in {"error", "complete"}:
                    return
