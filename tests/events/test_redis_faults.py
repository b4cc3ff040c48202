"""While Redis is away, hangs, is full or read-only, whoever subscribes is told so, and nobody loses anything."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import httpx
import pytest
from redis.asyncio import Redis

from gateway.app import create_app
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.logistics.lifecycle import Status, StatusEvent
from gateway.sandbox.logistics.simulator import LogisticsSimulator, create_logistics
from gateway.sandbox.logistics.tasks import Task
from gateway.sandbox.options import LogisticsOptions
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from tests.events.subscriber import WAIT_SECONDS
from tests.lifespan import lifespan_of
from tests.redis_server import RedisServer
from tests.subscriptions.loopback import serving as serving_sockets
from tests.subscriptions.socket_client import NEW, OLD, Client, initialized
from tests.subscriptions.stream_client import MULTIPART, SSE

ANSWER_SECONDS: Final = 3
"""What a client waits at most until it knows that it cannot subscribe now."""

FOLLOW: Final = """subscription($ids: [ID!]!, $after: String) {
    statusChanged(ids: $ids, after: $after) { kind cursor rawStatus } }"""


class Fault(NamedTuple):
    """What is done to Redis, and what ends it."""

    begin: Callable[[RedisServer], Awaitable[None]]
    end: Callable[[RedisServer], Awaitable[None]]


def told(*command: str) -> Callable[[RedisServer], Awaitable[None]]:
    """Has Redis carry out a command."""

    async def tell(server: RedisServer) -> None:
        async with Redis.from_url(server.url) as redis:
            await redis.execute_command(*command)  # type: ignore[no-untyped-call]

    return tell


def done(act: Callable[[RedisServer], None]) -> Callable[[RedisServer], Awaitable[None]]:
    """Does something to the process."""

    async def do(server: RedisServer) -> None:
        act(server)

    return do


FAULTS: Final = {
    "stopped": Fault(done(RedisServer.kill), done(RedisServer.start)),
    "hanging": Fault(done(RedisServer.freeze), done(RedisServer.thaw)),
    "full": Fault(told("CONFIG", "SET", "maxmemory", "1"), told("CONFIG", "SET", "maxmemory", "0")),
    "a replica": Fault(told("REPLICAOF", "127.0.0.1", "1"), told("REPLICAOF", "NO", "ONE")),
    "without its replicas": Fault(
        told("CONFIG", "SET", "min-replicas-to-write", "1"), told("CONFIG", "SET", "min-replicas-to-write", "0")
    ),
}
KEEPING: Final = {name: fault for name, fault in FAULTS.items() if name != "stopped"}
"""Those after which Redis still has what it had."""

faults = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


@pytest.fixture
def logistics() -> LogisticsSimulator:
    return create_logistics(ManualClock(datetime.now(UTC)))


@pytest.fixture
def task(logistics: LogisticsSimulator) -> Task:
    return next(task for task in logistics.tasks if task.status(logistics.clock.now()) == "broadcasting")


@pytest.fixture
def redis_server(own_redis: RedisServer) -> Iterator[RedisServer]:
    yield own_redis
    own_redis.kill()


@pytest.fixture
async def port(logistics: LogisticsSimulator, redis_server: RedisServer) -> AsyncIterator[int]:
    async with serving(logistics.app) as upstream:
        environment = {
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_REDIS_URL": redis_server.url,
            "GATEWAY_LOGISTICS__URL": upstream,
            "GATEWAY_LOGISTICS__TOKEN": LogisticsOptions().token,
            "GATEWAY_EVENTS__POLL_MIN_SECONDS": "0.1",
            "GATEWAY_EVENTS__POLL_MAX_SECONDS": "0.2",
        }
        app = create_app(load_settings(environment))
        async with lifespan_of(app), serving_sockets(app, max_message_bytes=65_536) as port:
            yield port


def move(logistics: LogisticsSimulator, task: Task, status: str) -> None:
    logistics.clock.advance(1)
    task.append(logistics.clock.now(), StatusEvent(Status(status), logistics.clock.now()))


async def closed_socket(port: int, protocol: str, start: str, variables: dict[str, Any]) -> tuple[int, str]:
    async with initialized(port, protocol) as client:
        async with asyncio.timeout(ANSWER_SECONDS):
            await client.say(start, "a", query=FOLLOW, variables=variables)
            return await client.closing()


async def refused_stream(port: int, accept: str, variables: dict[str, Any]) -> httpx.Response:
    body = {"query": FOLLOW, "variables": variables}
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(ANSWER_SECONDS):
        return await client.post(f"http://127.0.0.1:{port}/graphql", json=body, headers={"accept": accept})


@faults
@pytest.mark.parametrize(("protocol", "start"), [(NEW, "subscribe"), (OLD, "start")])
async def test_a_new_subscription_over_a_socket_is_told_to_come_later(
    port: int, redis_server: RedisServer, task: Task, fault: Fault, protocol: str, start: str
) -> None:
    await fault.begin(redis_server)

    code, reason = await closed_socket(port, protocol, start, {"ids": [f"LogisticsTask:{task.id}"]})
    await fault.end(redis_server)

    assert code == 1013
    assert reason.startswith("Connect again later")


@faults
@pytest.mark.parametrize("accept", [SSE, MULTIPART])
async def test_a_new_subscription_over_http_is_told_to_come_later(
    port: int, redis_server: RedisServer, task: Task, fault: Fault, accept: str
) -> None:
    await fault.begin(redis_server)

    response = await refused_stream(port, accept, {"ids": [f"LogisticsTask:{task.id}"]})
    await fault.end(redis_server)

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["errors"][0]["extensions"] == {
        "code": "EVENTS_UNAVAILABLE",
        "retryable": True,
        "retryAfter": 2.0,
    }


@asynccontextmanager
async def following(port: int, task: Task, after: str | None = None) -> AsyncIterator[Client]:
    variables = {"ids": [f"LogisticsTask:{task.id}"], "after": after}
    async with initialized(port) as client:
        await client.say("subscribe", "a", query=FOLLOW, variables=variables)
        yield client


async def event_of(client: Client) -> dict[str, Any]:
    while (message := await client.hear())["type"] != "next":
        assert message["type"] == "ping", json.dumps(message)
    event: dict[str, Any] = message["payload"]["data"]["statusChanged"]
    return event


@pytest.mark.parametrize("fault", KEEPING.values(), ids=KEEPING)
async def test_a_subscription_that_runs_goes_on_when_redis_does_and_so_does_its_cursor(
    port: int, redis_server: RedisServer, logistics: LogisticsSimulator, task: Task, fault: Fault
) -> None:
    async with following(port, task) as client, asyncio.timeout(WAIT_SECONDS):
        snapshot = await event_of(client)
        await fault.begin(redis_server)
        refused = await closed_socket(port, NEW, "subscribe", {"ids": [f"LogisticsTask:{task.id}"]})
        move(logistics, task, "accepted")
        await fault.end(redis_server)
        change = await event_of(client)
    async with following(port, task, snapshot["cursor"]) as client, asyncio.timeout(WAIT_SECONDS):
        replayed = await event_of(client)

    assert (snapshot["kind"], snapshot["rawStatus"]) == ("SNAPSHOT", "broadcasting")
    assert refused[0] == 1013
    assert (change["kind"], change["rawStatus"]) == ("CHANGE", "accepted")
    assert replayed == change


async def test_where_redis_stopped_the_running_subscription_is_told_of_a_gap(
    port: int, redis_server: RedisServer, task: Task
) -> None:
    async with following(port, task) as client, asyncio.timeout(WAIT_SECONDS):
        await event_of(client)
        redis_server.kill()
        refused = await closed_socket(port, NEW, "subscribe", {"ids": [f"LogisticsTask:{task.id}"]})
        redis_server.start()
        kinds = [(await event_of(client))["kind"] for _ in range(2)]

    assert refused[0] == 1013
    assert kinds == ["GAP", "SNAPSHOT"]


async def test_a_query_over_a_stream_is_answered_without_redis(port: int, redis_server: RedisServer) -> None:
    redis_server.kill()
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(
            f"http://127.0.0.1:{port}/graphql", json={"query": "{ __typename }"}, headers={"accept": SSE}
        )

    assert response.status_code == 200
    assert '{"data":{"__typename":"Query"}}' in response.text
