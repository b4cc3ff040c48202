"""The status of a gateway with two worker processes."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.commands.running import STARTS_WITHIN_SECONDS, Running, two_workers_running
from tests.status.conftest import OPERATOR, SETTINGS

PATIENCE_SECONDS = 3 * STARTS_WITHIN_SECONDS
"""Two workers start one beside the other, and the first request may reach the one that starts later."""


@pytest.fixture
def two_workers(redis_url: str, redis_prefix: str) -> Iterator[Running]:
    with two_workers_running(redis_url, redis_prefix, {**SETTINGS, "GATEWAY_AUTH__CALLS_PER_MINUTE": "50"}) as started:
        yield started


async def status_when(url: str, workers: int, state: str = "up") -> Any:  # noqa: ANN401 - JSON
    """The status, once so many workers have a state; each request over a connection of its own."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with httpx.AsyncClient(trust_env=False, auth=OPERATOR, timeout=PATIENCE_SECONDS) as client:
                status = (await client.get(f"{url}/status")).json()
            if sum(one["state"] == state for one in status["workers"]) >= workers:
                return status
            await asyncio.sleep(0.1)


async def test_the_status_is_of_all_workers_whichever_is_asked(two_workers: Running) -> None:
    await status_when(two_workers.url, 2)
    for _ in range(20):
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.post(f"{two_workers.url}/graphql", json={"query": "{ upstreams { state } }"})
    # A document is kept for a second.
    await asyncio.sleep(1.1)
    status = await status_when(two_workers.url, 2)

    counted = status["operations"]["outcomes"]["whole"] * max(status["window_seconds"], 5) / 60
    assert counted == pytest.approx(20, abs=1)
    assert status["callers"][0] == {**status["callers"][0], "name": "anonymous", "budget_left": 50, "budget": 50}
    assert status["redis"]["state"] == "up"
    assert [worker["number"] for worker in status["workers"]] == [0, 1]
    assert len({worker["pid"] for worker in status["workers"]}) == 2
    assert all(worker["memory_bytes"] > 1_000_000 and worker["version"] for worker in status["workers"])


async def test_a_worker_that_hangs_is_silent_and_holds_nobody_up(two_workers: Running) -> None:
    status = await status_when(two_workers.url, 2)
    hung = status["workers"][1]["pid"]
    os.kill(hung, signal.SIGSTOP)
    try:
        # Connections that the hung worker has accepted are not answered.
        silent = await _status_of_the_other(two_workers.url)
    finally:
        os.kill(hung, signal.SIGCONT)

    assert [worker["state"] for worker in silent["workers"]] == ["up", "silent"]
    assert [problem["message"] for problem in silent["problems"]] == ["Worker 1 does not answer"]


async def _status_of_the_other(url: str) -> Any:  # noqa: ANN401 - JSON
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                async with httpx.AsyncClient(trust_env=False, auth=OPERATOR, timeout=3) as client:
                    status = (await client.get(f"{url}/status")).json()
            except httpx.TimeoutException:
                continue
            if any(one["state"] == "silent" for one in status["workers"]):
                return status
            await asyncio.sleep(0.2)
