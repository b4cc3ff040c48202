"""SIGTERM to a real process: clients are told to connect again elsewhere, and the process ends in time."""

import asyncio
import os
import signal

import httpx
import pytest

from tests.cli.running import Running, running
from tests.subscriptions.socket_client import NEW, OLD, initialized
from tests.subscriptions.stream_client import MULTIPART, SSE, asking

SANDBOX = ["-c", "from gateway.cli import main; main()", "sandbox", "--port", "0", "--no-webhooks"]
SERVE = ["-c", "from gateway.cli import main; main()", "serve"]
GRACE_SECONDS = 10


async def followable(url: str) -> str:
    """A subscription to a task that is not final."""
    query = "{ logisticsTasks(first: 20) { nodes { id final } } }"
    async with httpx.AsyncClient(trust_env=False) as client:
        tasks = (await client.post(f"{url}/graphql", json={"query": query})).json()["data"]["logisticsTasks"]["nodes"]
    task_id = next(task["id"] for task in tasks if not task["final"])
    return f'subscription {{ statusChanged(ids: ["{task_id}"]) {{ kind }} }}'


async def ended(started: Running) -> int:
    async with asyncio.timeout(GRACE_SECONDS):
        await asyncio.to_thread(started.process.communicate)
    return int(started.process.returncode)


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
    environment = {**os.environ, "GATEWAY_AUTH__ANONYMOUS": "true", "GATEWAY_PORT": "0"}
    with running(SERVE, environment, announced_by="stderr") as started:
        port = httpx.URL(started.url).port
        assert port is not None
        async with initialized(port, NEW) as client:
            started.process.send_signal(number)

            assert (await client.closing())[0] == 1012
        code = await ended(started)

    assert code in (0, -number)
