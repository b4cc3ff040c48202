"""A process is killed between sending and answering, and the request is repeated at another one."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from gateway.commands.sandbox import sandbox_environment
from tests.commands.running import SERVE, Running, running
from tests.idempotency.changes import SEND_SMS
from tests.idempotency.holding import Holding
from tests.world import Answer, World, running_world

VARIABLES = {"text": "Hello", "key": "a"}


async def ask(started: Running) -> Answer:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        body = {"query": SEND_SMS, "variables": VARIABLES}
        return Answer(await client.post(f"{started.url}/graphql", json=body))


@pytest.mark.parametrize(("kept_in", "phase"), [("file", "after"), ("redis", "after"), ("redis", "before")])
async def test_the_state_says_what_the_killed_process_may_have_done(
    kept_in: str, phase: str, tmp_path: Path, redis_url: str, redis_prefix: str
) -> None:
    holding = Holding(phase)
    redis = {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix} if kept_in == "redis" else {}
    async with running_world(around=holding.around) as world:
        with ExitStack() as stack:
            first = await start(stack, world, redis, tmp_path)
            other = await start(stack, world, redis, tmp_path) if redis else None
            asked = asyncio.create_task(ask(first))
            async with asyncio.timeout(30):
                await holding.held.wait()
            first.process.kill()
            with pytest.raises(httpx.TransportError):
                await asked

            repeat = await ask(other or await start(stack, world, redis, tmp_path))

    assert holding.posted == 1
    if phase == "after":
        assert repeat.data["answer"]["errors"] == []
        assert repeat.data["answer"]["job"]["id"]
        assert repeat.headers["idempotent-replayed"] == "true"
    else:
        (error,) = repeat.data["answer"]["errors"]
        assert (error["__typename"], error["outcomeUnknown"], error["retryable"]) == ("UpstreamFailed", True, True)


async def start(stack: ExitStack, world: World, redis: Mapping[str, str], folder: Path) -> Running:
    """Start a gateway as a process of its own over the simulators of a world."""
    environment = {**os.environ, **sandbox_environment(world.urls, 0, folder), **redis}
    # In a thread, because the simulators are in this one.
    return await asyncio.to_thread(stack.enter_context, running(SERVE, environment, announced_by="stderr"))
