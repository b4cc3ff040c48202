"""The composition at work: TLS, streams, and a gateway that ends while clients ask."""

import asyncio
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.project.deployed import (
    GATEWAYS,
    PATIENCE_SECONDS,
    Deployed,
    deployed,
    nginx_command,
    nginx_configuration,
    wait_for,
)
from tests.project.deployment import make_secrets

EVERYTHING = "{ deliveries(first: 1) { totalCount } smsJobs(first: 1) { nodes { jobId } } upstreams { state } }"
CLIENTS = 4


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with deployed(tmp_path_factory.mktemp("deployed")) as composition:
        yield composition


async def subscription(client: httpx.AsyncClient) -> str:
    """A subscription to a delivery."""
    listed = (await client.post("/graphql", json={"query": "{ deliveries(first: 1) { nodes { id } } }"})).json()
    ids = orjson.dumps([node["id"] for node in listed["data"]["deliveries"]["nodes"]]).decode()
    return f"subscription {{ statusChanged(ids: {ids}) {{ kind }} }}"


def test_nginx_accepts_the_configuration(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    command = nginx_command(nginx_configuration(tmp_path, dict.fromkeys(GATEWAYS, 1), 2, 3))

    tested = subprocess.run([*command, "-t"], check=False, capture_output=True, text=True)  # noqa: S603 - nginx

    assert tested.returncode == 0, tested.stderr
    assert [line for line in tested.stderr.splitlines() if "[warn]" in line or "[emerg]" in line] == []


@pytest.mark.parametrize(("http2", "version"), [(False, "HTTP/1.1"), (True, "HTTP/2")])
async def test_a_query_over_tls_is_answered_over_all_upstreams(running: Deployed, http2: bool, version: str) -> None:
    async with running.client(http2=http2) as client:
        answer = await client.post("/graphql", json={"query": EVERYTHING})

    assert (answer.status_code, answer.http_version) == (200, version)
    assert "errors" not in answer.json()


async def test_without_a_key_nobody_gets_in(running: Deployed) -> None:
    async with running.client() as client:
        refused = await client.post("/graphql", json={"query": EVERYTHING}, headers={"x-api-key": "wrong"})

    assert refused.status_code == 401


@pytest.mark.parametrize("name", GATEWAYS)
def test_the_gateways_use_redis_by_its_password(running: Deployed, name: str) -> None:
    assert "gateway_cache_redis_up 1.0" in running.metrics(name)


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6Detrics", "/x/../metrics"])
async def test_nobody_outside_reads_the_metrics(running: Deployed, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=running.tls)
    writer.write(request.encode())
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"gateway_operations_total" not in answer


@pytest.mark.parametrize(
    ("accept", "sign"), [("text/event-stream", "event: next"), ("multipart/mixed;subscriptionSpec=1.0", "payload")]
)
async def test_a_stream_arrives_while_it_goes_on(running: Deployed, accept: str, sign: str) -> None:
    async with running.client() as client, asyncio.timeout(PATIENCE_SECONDS):
        body = {"query": await subscription(client)}
        async with client.stream("POST", "/graphql", json=body, headers={"accept": accept}) as response:
            text = ""
            async for piece in response.aiter_text():
                text += piece
                if "SNAPSHOT" in text:
                    break

    assert sign in text


async def test_a_subscription_over_a_websocket_is_answered(running: Deployed) -> None:
    async with running.client() as client, asyncio.timeout(PATIENCE_SECONDS):
        query = await subscription(client)
        async with connect(
            f"wss://127.0.0.1:{running.port}/graphql",
            ssl=running.tls,
            proxy=None,
            subprotocols=[Subprotocol("graphql-transport-ws")],
        ) as socket:
            await socket.send(orjson.dumps({"type": "connection_init", "payload": {"X-API-Key": running.key}}).decode())
            acknowledged = orjson.loads(await socket.recv())
            await socket.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}).decode())
            heard = orjson.loads(await socket.recv())

    assert acknowledged["type"] == "connection_ack"
    assert heard["payload"]["data"]["statusChanged"]["kind"] == "SNAPSHOT"


async def ask_until(ended: asyncio.Event, client: httpx.AsyncClient, outcomes: list[str]) -> None:
    """Ask one query after the other, and note what becomes of each."""
    while not ended.is_set():
        try:
            answer = await client.post("/graphql", json={"query": EVERYTHING})
            outcomes.append(f"{answer.status_code} {'errors' if 'errors' in answer.json() else 'whole'}")
        except (httpx.HTTPError, ValueError) as error:
            outcomes.append(repr(error))


@pytest.mark.parametrize("name", GATEWAYS)
def test_the_health_check_of_a_gateway_sees_that_it_is_ready(running: Deployed, name: str) -> None:
    assert running.healthy(name)


async def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds, while clients ask on."""
    await asyncio.to_thread(wait_for, condition)


async def test_a_gateway_ends_and_comes_back_while_clients_ask_and_none_of_them_sees_it(running: Deployed) -> None:
    first, _ = GATEWAYS
    ended = asyncio.Event()
    outcomes: list[str] = []
    async with running.client() as client, asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(ask_until(ended, client, outcomes))
        await until(lambda: running.operations(first) > 0)
        running.processes[first].send_signal(signal.SIGTERM)
        await until((running.folder / "not-ready" / first).exists)
        healthy = await asyncio.to_thread(running.healthy, first)
        # What nginx had sent before it saw the file is answered by the time that each client has asked again.
        await until(partial(exceeds, outcomes, len(outcomes) + 2 * CLIENTS))
        at_drain = running.operations(first)
        await until(partial(exceeds, outcomes, len(outcomes) + 10 * CLIENTS))
        at_end = running.operations(first)
        await asyncio.to_thread(running.processes[first].wait, PATIENCE_SECONDS)
        await asyncio.to_thread(running.start, first)
        await until(lambda: running.operations(first) > 0)
        ended.set()

    assert {*outcomes} == {"200 whole"}
    assert at_end == at_drain
    assert not healthy


def exceeds(outcomes: list[str], count: int) -> bool:
    """Whether there are more outcomes than that."""
    return len(outcomes) > count
