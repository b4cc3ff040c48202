"""Measures what open subscriptions and the events to them cost one gateway process and one Redis."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Final

import httpx
from sockets import BROADCAST, CREATE, Tally, asked, cpu_seconds, new_task, open_subscriptions, resident_kib, started

from gateway.sandbox.options import LogisticsOptions
from sizing.costs import Cost
from sizing.redis_meter import RedisMeter

_IDLE_SECONDS: Final = 12.0
_EACH: Final = 40
"""Subscribers of each record in the second part."""

_POLL_SECONDS: Final = 2.0


def measure_subscriptions(meter: RedisMeter, records: int) -> tuple[dict[str, Cost], float, float]:
    """Measure subscriptions to logistics tasks over WebSockets.

    Args:
        meter: An empty Redis.
        records: How many tasks are followed, once by one subscriber each and once by `_EACH` each.

    Returns:
        The costs, the bytes of a subscription, and the connections of the process to Redis.
    """
    simulators = ["simulators", "--port", "0", "--speed", "0.001"]
    with started(simulators, {}, r"logistics +(http://127\.0\.0\.1:\d+)") as (_, logistics):
        with _gateway(logistics, meter, 3600.0) as (pid, url):
            costs, each_bytes, connections = asyncio.run(_measure(meter, pid, url, records))
        with _gateway(logistics, meter, _POLL_SECONDS) as (pid, url):
            costs["poll"] = asyncio.run(_measure_polls(meter, pid, (url, logistics), records, costs["followed second"]))
    return costs, each_bytes, connections


def _gateway(logistics: str, meter: RedisMeter, poll_seconds: float) -> AbstractContextManager[tuple[int, str]]:
    environment = {
        "GATEWAY_PORT": "0",
        "GATEWAY_AUTH__ANONYMOUS": "true",
        "GATEWAY_LIMITS__COST": "100000",
        "GATEWAY_EVENTS__CONNECTIONS_PER_CALLER": "100000",
        "GATEWAY_EVENTS__POLL_MIN_SECONDS": str(poll_seconds),
        "GATEWAY_EVENTS__POLL_MAX_SECONDS": str(poll_seconds),
        "GATEWAY_LOGISTICS__URL": logistics,
        "GATEWAY_LOGISTICS__TOKEN": LogisticsOptions().token,
        "GATEWAY_SECRET_KEYS": secrets.token_urlsafe(32),
        "GATEWAY_REDIS_URL": meter.url,
        "GATEWAY_REDIS_PREFIX": f"{secrets.token_hex(4)}:",
    }
    return started(["serve"], environment, r"(http://127\.0\.0\.1:\d+)/graphql")


async def _measure(meter: RedisMeter, pid: int, url: str, records: int) -> tuple[dict[str, Cost], float, float]:
    port, tally, costs = httpx.URL(url).port or 0, Tally(), dict[str, Cost]()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        warm, single, many = [[task async for task in _tasks(client, records)] for _ in range(3)]
        await open_subscriptions(port, tally, warm, records)
        await _changed(meter, pid, client, tally, warm, records)
        before = meter.read(cpu_seconds(pid))
        await open_subscriptions(port, tally, single, records)
        costs["subscribe"] = before.until(meter.read(cpu_seconds(pid)), records)
        resident = resident_kib(pid)
        await open_subscriptions(port, tally, many, _EACH * records)
        each_bytes = 1024 * (resident_kib(pid) - resident) / (_EACH * records)
        before = meter.read(cpu_seconds(pid))
        await asyncio.sleep(_IDLE_SECONDS)
        costs["followed second"] = before.until(meter.read(cpu_seconds(pid)), 3 * records * _IDLE_SECONDS)
        connections = meter.connections
        once = await _changed(meter, pid, client, tally, single, records)
        often = await _changed(meter, pid, client, tally, many, _EACH * records)
    costs["event"] = Cost(max(0.0, often.cpu - once.cpu) / (_EACH - 1))
    costs["change"] = Cost(once.cpu - costs["event"].cpu, once.commands, once.redis_cpu, once.received, once.sent)
    return costs, each_bytes, connections


async def _measure_polls(meter: RedisMeter, pid: int, urls: tuple[str, str], records: int, followed: Cost) -> Cost:
    """Return the cost of a poll that finds nothing new, without what its record takes each second anyway."""
    url, logistics = urls
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client,
        httpx.AsyncClient(base_url=logistics, trust_env=False, timeout=60) as upstream,
    ):
        tasks = [task async for task in _tasks(client, records)]
        await open_subscriptions(httpx.URL(url).port or 0, Tally(), tasks, records)
        await upstream.delete("/_sandbox/requests")
        before = meter.read(cpu_seconds(pid))
        await asyncio.sleep(_IDLE_SECONDS)
        after = meter.read(cpu_seconds(pid))
        polls = len((await upstream.get("/_sandbox/requests")).json()["requests"])
    whole, share = before.until(after, polls, polls), records * _IDLE_SECONDS / polls
    return Cost(
        whole.cpu - share * followed.cpu,
        whole.commands - share * followed.commands,
        whole.redis_cpu - share * followed.redis_cpu,
        whole.received - share * followed.received,
        whole.sent - share * followed.sent,
        1,
    )


async def _tasks(client: httpx.AsyncClient, count: int) -> AsyncIterator[str]:
    for first in range(0, count, 20):
        created = await asked(client, CREATE, tasks=[new_task() for _ in range(min(20, count - first))])
        for task in created["tasks"]:
            yield task["id"]


async def _changed(
    meter: RedisMeter, pid: int, client: httpx.AsyncClient, tally: Tally, task_ids: list[str], events: int
) -> Cost:
    """Return the cost of the change of each of these tasks, with its events."""
    received, before = tally.received["CHANGE"], meter.read(cpu_seconds(pid))
    await asked(client, BROADCAST, ids=task_ids)
    await tally.until("CHANGE", received + events)
    return before.until(meter.read(cpu_seconds(pid)), len(task_ids))
