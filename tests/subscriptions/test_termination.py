"""SIGTERM to a real process: clients are told to connect again elsewhere, and the process ends in time."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.commands.sandbox import sandbox_environment
from gateway.commands.simulators import SimulatorUrls
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.logistics.lifecycle import Status, StatusEvent
from gateway.sandbox.logistics.simulator import create_logistics
from gateway.sandbox.server import serving
from tests.commands.running import STARTS_WITHIN_SECONDS, Running, running
from tests.subscriptions.socket_client import NEW, OLD, Client, initialized
from tests.subscriptions.stream_client import MULTIPART, SSE, asking

SANDBOX = ["-c", "from gateway.cli import main; main()", "sandbox", "--port", "0", "--no-webhooks"]
SERVE = ["-c", "from gateway.cli import main; main()", "serve"]
OPEN = {"GATEWAY_AUTH__ANONYMOUS": "true", "GATEWAY_PORT": "0"}
GRACE_SECONDS = 10
FOLLOW = """subscription($ids: [ID!]!, $after: String) {
  statusChanged(ids: $ids, after: $after) { kind cursor rawStatus previousRawStatus }
}"""


async def followable(url: str) -> str:
    """A subscription to a task that is not final."""
    query = "{ logisticsTasks(first: 20) { nodes { id final } } }"
    async with httpx.AsyncClient(trust_env=False) as client:
        tasks = (await client.post(f"{url}/graphql", json={"query": query})).json()["data"]["logisticsTasks"]["nodes"]
    task_id = next(task["id"] for task in tasks if not task["final"])
    return f'subscription {{ statusChanged(ids: ["{task_id}"]) {{ kind }} }}'


async def ended(started: Running) -> int:
    await last_words(started)
    return int(started.process.returncode)


async def last_words(started: Running) -> str:
    """What it still writes to standard error until its end, which must come in time."""
    async with asyncio.timeout(GRACE_SECONDS):
        _, errors = await asyncio.to_thread(started.process.communicate)
    return str(errors)


async def unready(client: httpx.AsyncClient) -> httpx.Response:
    """What `/readyz` answers once the process has taken the signal."""
    async with asyncio.timeout(GRACE_SECONDS):
        while True:
            response = await client.get("/readyz", headers={"connection": "close"})
            if response.status_code != 200:
                return response


def port_of(started: Running) -> int:
    port = httpx.URL(started.url).port
    assert port is not None
    return port


async def following(client: Client, task_id: str, after: str | None = None) -> dict[str, Any]:
    """Follow a task over a socket; its first event."""
    await client.say("subscribe", "a", query=FOLLOW, variables={"ids": [f"LogisticsTask:{task_id}"], "after": after})
    event: dict[str, Any] = (await client.hear())["payload"]["data"]["statusChanged"]
    return event


async def test_every_transport_of_the_sandbox_ends_so_that_its_client_comes_back() -> None:
    with running(SANDBOX, os.environ, announced_by="stdout") as started:
        port = httpx.URL(started.url).port
        assert port is not None
        query = await followable(started.url)
        async with (
            initialized(port, NEW) as newer,
            initialized(port, OLD) as older,
            asking(port, query, SSE) as events,
            asking(port, query, MULTIPART) as parts,
        ):
            await newer.say("subscribe", "a", query=query)
            await older.say("start", "a", query=query)
            assert [(await client.hear())["type"] for client in (newer, older)] == ["next", "data"]
            assert (await events.event())["event"] == "next"
            await parts.until(b"\r\n--graphql")
            await parts.part()
            started.process.send_signal(signal.SIGTERM)

            assert [(await client.closing())[0] for client in (newer, older)] == [1012, 1012]
            assert await events.until(b"event: complete") == b""
            assert await parts.until(b"--\r\n") == b""

        assert await ended(started) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_gateway_with_open_sockets_ends_at_a_signal(number: signal.Signals) -> None:
    environment = {**os.environ, **OPEN, "GATEWAY_DRAIN_SECONDS": "0"}
    with running(SERVE, environment, announced_by="stderr") as started:
        port = httpx.URL(started.url).port
        assert port is not None
        async with initialized(port, NEW) as client:
            started.process.send_signal(number)

            assert (await client.closing())[0] == 1012
        code = await ended(started)

    assert code in (0, -number)


async def test_subscribers_of_two_workers_go_on_at_another_gateway_where_they_were(
    redis_url: str, redis_prefix: str, tmp_path: Path
) -> None:
    clock = ManualClock(datetime.now(UTC))
    logistics = create_logistics(clock)
    task = next(task for task in logistics.tasks if task.status(clock.now()) == "broadcasting")
    async with serving(logistics.app) as url, AsyncExitStack() as connections:
        environment = {
            **os.environ,
            **sandbox_environment(SimulatorUrls(url, url, url, url, url), 0, tmp_path),
            "GATEWAY_REDIS_URL": redis_url,
            "GATEWAY_REDIS_PREFIX": redis_prefix,
            "GATEWAY_EVENTS__POLL_MIN_SECONDS": "3000",
            "GATEWAY_EVENTS__POLL_MAX_SECONDS": "3000",
            "GATEWAY_DRAIN_SECONDS": "0",
        }
        with (
            running(SERVE, {**environment, "GATEWAY_WORKERS": "2"}, announced_by="stderr") as leaving,
            running(SERVE, environment, announced_by="stderr") as staying,
        ):
            clients = [await connections.enter_async_context(initialized(port_of(leaving))) for _ in range(6)]
            snapshots = [await following(client, task.id) for client in clients]
            leaving.process.send_signal(signal.SIGTERM)
            codes = [(await client.closing())[0] for client in clients]
            said = await last_words(leaving)
            clock.advance(1)
            task.append(clock.now(), StatusEvent(Status.ACCEPTED, clock.now()))
            cursors = {snapshot["cursor"] for snapshot in snapshots}
            others = [await connections.enter_async_context(initialized(port_of(staying))) for _ in cursors]
            events = [await following(*pair) for pair in zip(others, [task.id] * len(cursors), cursors, strict=True)]

    assert {snapshot["kind"] for snapshot in snapshots} == {"SNAPSHOT"}
    assert codes == [1012] * 6
    assert leaving.process.returncode == 0
    assert "connection open" not in said
    assert [(event["kind"], event["previousRawStatus"], event["rawStatus"]) for event in events] == [
        ("CHANGE", "broadcasting", "accepted")
    ] * len(cursors)


async def test_a_process_that_drains_says_so_and_takes_work_until_a_second_signal() -> None:
    environment = {**os.environ, **OPEN, "GATEWAY_DRAIN_SECONDS": "300"}
    with running(SERVE, environment, announced_by="stderr") as started:
        async with httpx.AsyncClient(base_url=started.url, trust_env=False, timeout=STARTS_WITHIN_SECONDS) as client:
            before = await client.get("/readyz")
            async with initialized(port_of(started), NEW) as follower:
                started.process.send_signal(signal.SIGTERM)
                during = await unready(client)
                served = await client.post("/graphql", json={"query": "{ upstreams { state } }"})
                async with initialized(port_of(started), NEW) as newcomer:
                    started.process.send_signal(signal.SIGTERM)
                    codes = [(await one.closing())[0] for one in (follower, newcomer)]
        code = await ended(started)

    assert (before.status_code, during.status_code, during.json()) == (200, 503, {"status": "ending"})
    assert (served.status_code, "errors" in served.json()) == (200, False)
    assert codes == [1012, 1012]
    assert code in (0, -signal.SIGTERM)


async def test_a_drain_ends_by_itself() -> None:
    environment = {**os.environ, **OPEN, "GATEWAY_DRAIN_SECONDS": "0.2"}
    with running(SERVE, environment, announced_by="stderr") as started:
        async with initialized(port_of(started), NEW) as client:
            started.process.send_signal(signal.SIGTERM)

            assert (await client.closing())[0] == 1012
        code = await ended(started)

    assert code in (0, -signal.SIGTERM)
