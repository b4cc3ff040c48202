"""Measure the effect of a slow upstream on operations that do not need it, and the memory of a million records.

A gateway over the simulators, all in one process on loopback, gets operations for deliveries at a constant rate, with
its cache off. In every second round a hundred operations wait for an SMS API that takes 30 seconds for a response. The
rounds alternate, so that a noisy machine affects both kinds alike.

    python benchmarks/resilience.py --rounds 7

The exit status is 1 if the 99th percentile beside the slow upstream is more than twice the normal one, or if the cache
exceeds its bound.
"""

import argparse
import asyncio
import resource
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from statistics import median

import httpx
import uvloop
from measuring.gateway import MODES
from starlette.types import Receive, Scope, Send

from gateway.app import create_app
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.options import DeliveriesOptions
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from resolvers.cache.kind import key_prefix
from resolvers.cache.records import CacheConfig, RecordCache
from resolvers.kinds.deliveries import PRODUCT
from resolvers.upstreams.deliveries.records import Product

OPERATIONS = 400
EVERY_SECONDS = 0.01
WAITING = 100
SLOW_SECONDS = 30.0
SETTLING_SECONDS = 1.0
RECORDS = 1_000_000
MIB = 1024 * 1024


class Scene:
    """A gateway and its upstreams; run lifetime."""

    def __init__(self, url: str, client: httpx.AsyncClient, waiting: list[httpx.AsyncClient]) -> None:
        self._url = url
        self._client = client
        self._waiting = waiting

    async def round(self, *, slow: bool) -> list[float]:
        """Run one round; return the seconds of each operation that needs only deliveries."""
        waiting = [asyncio.create_task(self._wait(number)) for number in range(WAITING * slow)]
        await asyncio.sleep(SETTLING_SECONDS)
        running = []
        for number in range(OPERATIONS):
            running.append(asyncio.create_task(self._ask(f'{{ delivery(id: "{number % 20 + 1}") {{ id status }} }}')))
            await asyncio.sleep(EVERY_SECONDS)
        took = await asyncio.gather(*running)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return took

    async def _wait(self, number: int) -> None:
        """Wait with a separate client: httpx searches all connections of a client for each request, which is slow."""
        await self._waiting[number].post(self._url, json={"query": f'{{ smsJob(id: "{number}") {{ id }} }}'})

    async def _ask(self, query: str) -> float:
        began = time.perf_counter()
        answer = await self._client.post(self._url, json={"query": query})
        answer.raise_for_status()
        return time.perf_counter() - began


async def answer_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as an SMS API that is slow and fails."""
    del scope, receive
    await asyncio.sleep(SLOW_SECONDS)
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body"})


async def start(stack: AsyncExitStack) -> Scene:
    """Start the simulators and a gateway without a cache."""
    deliveries = DeliveriesOptions()
    simulator = create_deliveries(ManualClock(datetime.now(UTC)), options=deliveries)
    deliveries_url = await stack.enter_async_context(serving(simulator.app))
    sms_url = await stack.enter_async_context(serving(answer_late))
    settings = {
        "GATEWAY_AUTH__ANONYMOUS": "true",
        "GATEWAY_DELIVERIES__URL": f"{deliveries_url}/api/v1",
        "GATEWAY_DELIVERIES__EMAIL": deliveries.email,
        "GATEWAY_DELIVERIES__PASSWORD": deliveries.password,
        "GATEWAY_SMS__URLS": f"{sms_url}/rest/v1",
        "GATEWAY_SMS__USERNAME": "user",
        "GATEWAY_SMS__PASSWORD": "password",
        # The waiting operations fail by design, and each would log a line.
        "GATEWAY_LOG__OPERATIONS": "false",
    }
    url = await stack.enter_async_context(serving(create_app(load_settings({**settings, **MODES["cold"]}))))
    limits = httpx.Limits(max_connections=WAITING + OPERATIONS)
    client = await stack.enter_async_context(_client(limits))
    waiting = [await stack.enter_async_context(_client(httpx.Limits(max_connections=1))) for _ in range(WAITING)]
    return Scene(f"{url}/graphql", client, waiting)


async def beside_a_slow_upstream(rounds: int) -> float:
    """Return the ratio of the 99th percentile beside a slow upstream to the normal one."""
    normal: list[float] = []
    beside: list[float] = []
    async with AsyncExitStack() as stack:
        scene = await start(stack)
        await scene.round(slow=False)
        for _ in range(rounds):
            normal += await scene.round(slow=False)
            beside += await scene.round(slow=True)
    for name, took in (("normal", normal), ("beside a slow upstream", beside)):
        print(
            f"{name:>24}: median {median(took) * 1000:6.2f} ms, 99th percentile {_percentile_99(took) * 1000:6.2f} ms"
        )
    ratio = _percentile_99(beside) / _percentile_99(normal)
    print(f"{'ratio':>24}: {ratio:.2f} over {rounds} pairs of rounds")
    return ratio


async def a_million_records() -> float:
    """Store a million records; return the growth of the process as a share of the cache's bound."""
    config = CacheConfig(max_bytes=64 * MIB)
    cache, before, began = RecordCache(config), _resident(), time.perf_counter()
    prefix = key_prefix("own", PRODUCT.name)
    for number in range(RECORDS):
        product = Product(str(number), {"name": f"Album {number}", "status": "active", "upc-code": f"{number:013}"})
        cache.keep(PRODUCT, f"{prefix}{number}", product, cache.invalidations.mark, ())
    seconds, grown = time.perf_counter() - began, _resident() - before
    estimate, bound = cache.memory.bytes / MIB, config.max_bytes / MIB
    print(f"{'a million records':>24}: {seconds * 1e6 / RECORDS:.1f} us each, {len(cache.memory)} kept")
    print(f"{'memory':>24}: {estimate:.0f} MiB by estimate, {grown / MIB:.0f} measured, bound {bound:.0f}")
    return grown / config.max_bytes


def _client(limits: httpx.Limits) -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, timeout=60, limits=limits)


def _percentile_99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def _resident() -> int:
    """Return the peak resident memory of the process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Run both; return 0 if they stay within their bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="pairs of rounds, 10 seconds each")
    rounds = parser.parse_args().rounds
    filled = uvloop.run(a_million_records())
    ratio = uvloop.run(beside_a_slow_upstream(rounds))
    return 0 if ratio <= 2 and filled <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
