"""Requests with one key that are there at the same time: one sends, the others wait for its outcome."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.app import create_app
from gateway.commands.sandbox import sandbox_environment
from gateway.sandbox.faults import FaultSettings
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from tests.idempotency.changes import CREATE_TASKS, SEND_SMS, tasks
from tests.lifespan import lifespan_of
from tests.world import Answer, World, running_world

JOBS = "/rest/v1/jobs"


async def post(world: World, url: str, document: str, variables: Mapping[str, Any]) -> Answer:
    """Send an operation to one of several gateways, without clearing what the simulators have recorded."""
    body = {"query": document, "variables": variables}
    return Answer(await world.client.post(f"{url}/graphql", json=body))


def jobs_sent(world: World) -> int:
    return sum(one.path == JOBS and one.method == "POST" for one in world.sms.send.requests)


@asynccontextmanager
async def two_gateways(redis: Mapping[str, str], folder: Path) -> AsyncIterator[tuple[World, list[str]]]:
    """A world with a second gateway on the same Redis."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(running_world(redis))
        environment = sandbox_environment(world.urls, 0, folder)
        app = create_app(load_settings({**environment, **redis}))
        await stack.enter_async_context(lifespan_of(app))
        yield world, [world.url, await stack.enter_async_context(serving(app))]


async def test_requests_of_one_process_join_the_first() -> None:
    async with running_world() as world:
        world.sms.send.faults.settings = FaultSettings(latency_seconds=0.3)
        variables = {"text": "Hello", "key": "a"}

        answers = await asyncio.gather(*(post(world, world.url, SEND_SMS, variables) for _ in range(8)))

        assert jobs_sent(world) == 1
        metrics = (await world.client.get(f"{world.url}/metrics")).text
    assert len({answer.data["answer"]["job"]["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7
    assert 'gateway_idempotency_total{outcome="joined"} 7.0' in metrics


async def test_requests_of_two_processes_join_the_first(redis_url: str, redis_prefix: str, tmp_path: Path) -> None:
    redis = {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix}
    async with two_gateways(redis, tmp_path) as (world, urls):
        world.sms.send.faults.settings = FaultSettings(latency_seconds=0.3)
        variables = {"text": "Hello", "key": "a"}

        answers = await asyncio.gather(*(post(world, urls[number % 2], SEND_SMS, variables) for number in range(8)))
        sent = jobs_sent(world)
        many = await asyncio.gather(*(post(world, url, CREATE_TASKS, {"tasks": tasks(25), "key": "b"}) for url in urls))

        posted = sum(one.path == "/platform/tasks" and one.method == "POST" for one in world.logistics.requests)
    assert len({answer.data["answer"]["job"]["id"] for answer in answers}) == 1
    assert (sent, posted) == (1, 2)
    named = [sorted(task["id"] for task in answer.data["answer"]["tasks"]) for answer in many]
    assert (named[0], len(named[0])) == (named[1], 25)


async def test_a_request_whose_client_leaves_is_joined_all_the_same() -> None:
    async with running_world() as world:
        world.sms.send.faults.settings = FaultSettings(latency_seconds=0.5)
        variables = {"text": "Hello", "key": "a"}
        left = asyncio.create_task(post(world, world.url, SEND_SMS, variables))
        while not world.sms.send.requests:  # noqa: ASYNC110 - it is another task
            await asyncio.sleep(0.01)
        left.cancel()

        answer = await post(world, world.url, SEND_SMS, variables)

        assert jobs_sent(world) == 1
    assert answer.data["answer"]["errors"] == []
    assert answer.headers["idempotent-replayed"] == "true"


async def test_while_the_store_is_away_nothing_is_sent_with_a_key(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    async with running_world({"GATEWAY_IDEMPOTENCY__DATABASE": str(missing / "keys.sqlite3")}) as world:
        refused = await world.ask(SEND_SMS, {"text": "Hello", "key": "a"})
        refused_sent = jobs_sent(world)
        without = await world.ask(SEND_SMS, {"text": "Hello"})
        missing.mkdir()
        again = await world.ask(SEND_SMS, {"text": "Hello", "key": "a"})

    (error,) = refused.data["answer"]["errors"]
    assert (error["__typename"], error["retryable"], refused_sent) == ("IdempotencyUnavailable", True, 0)
    assert (without.data["answer"]["errors"], again.data["answer"]["errors"]) == ([], [])
