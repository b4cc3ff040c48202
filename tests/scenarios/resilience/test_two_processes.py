"""Two gateways on one Redis: what one learns the other knows, and neither needs it."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from gateway.sandbox.server import serving
from tests.redis_server import RedisServer
from tests.scenarios.resilience.two_owners import TwoOwners, gateway, http_client, settings_for

HEADERS = {"x-api-key": "key of house"}
KEEPING = {"GATEWAY_CACHE__TTL_ACTIVE": "3600"}
CACHE_LOGGER = "resolvers.cache.redis_link"


class Pair:
    """Two gateways over one upstream; lives one test."""

    def __init__(self, upstream: TwoOwners, urls: list[str], client: httpx.AsyncClient) -> None:
        self.upstream = upstream
        self._urls = urls
        self._client = client

    async def ask(self, process: int, query: str) -> httpx.Response:
        return await self._client.post(self._urls[process], json={"query": query}, headers=HEADERS)

    async def deliverable(self, process: int, delivery_id: int) -> bool:
        told = (await self.ask(process, delivery(delivery_id))).json()
        assert "errors" not in told, told
        found: bool = told["data"]["delivery"]["deliverable"]
        return found

    async def share(self, delivery_id: int) -> bool:
        """Whether what the first fetches reaches the second; that takes an id that nobody has asked for."""
        self.upstream.asked.clear()
        await self.deliverable(0, delivery_id)
        await self.deliverable(1, delivery_id)
        return len(self.upstream.asked) == 1

    async def redis_is_up(self) -> bool:
        scraped = [await self._client.get(url.replace("/graphql", "/metrics")) for url in self._urls]
        return all("gateway_cache_redis_up 1.0" in one.text for one in scraped)


def delivery(delivery_id: int) -> str:
    return f'{{ delivery(id: "{delivery_id}") {{ deliverable }} }}'


@asynccontextmanager
async def started(redis_url: str, prefix: str, settings: Mapping[str, str]) -> AsyncIterator[Pair]:
    upstream = TwoOwners()
    async with AsyncExitStack() as stack:
        own = settings_for(await stack.enter_async_context(serving(upstream)))
        redis = {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": prefix}
        urls = [await stack.enter_async_context(gateway({**own, **redis, **settings})) for _ in range(2)]
        yield Pair(upstream, urls, await stack.enter_async_context(http_client()))


async def test_what_one_fetched_the_other_serves(redis_url: str, redis_prefix: str) -> None:
    async with started(redis_url, redis_prefix, KEEPING) as pair:
        assert await pair.share(1)


async def test_a_cold_record_that_both_are_asked_for_at_once_is_fetched_once(redis_url: str, redis_prefix: str) -> None:
    async with started(redis_url, redis_prefix, KEEPING) as pair:
        await asyncio.gather(*(pair.deliverable(number % 2, 1) for number in range(20)))

        assert len(pair.upstream.asked) == 1


async def test_a_change_is_seen_by_the_other_as_soon_as_it_is_answered(redis_url: str, redis_prefix: str) -> None:
    async with started(redis_url, redis_prefix, KEEPING) as pair:
        warm = [await pair.deliverable(process, 1) for process in (0, 1, 1)]

        await pair.ask(
            0,
            'mutation { updateDelivery(id: "1", input: {deliverable: false}) { delivery { id } errors { message } } }',
        )
        after = [await pair.deliverable(process, 1) for process in (1, 0)]

    assert (warm, after) == ([True] * 3, [False] * 2)


async def test_redis_killed_in_the_middle_fails_no_operation_and_is_used_again_when_it_returns(
    own_redis: RedisServer, redis_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(own_redis.url, redis_prefix, KEEPING) as pair:
        shared_before = await pair.share(1000)

        asking = [asyncio.create_task(pair.deliverable(number % 2, number // 2)) for number in range(100)]
        await asking[20]
        own_redis.kill()
        answers = await asyncio.gather(*asking)
        answers += [await pair.deliverable(number % 2, number // 2) for number in range(50, 150)]
        warnings = Counter(one.name for one in caplog.records if one.levelno >= logging.WARNING)
        own_redis.start()
        async with asyncio.timeout(10):
            while not await pair.redis_is_up():  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
        shared_after = await pair.share(1001)

    assert (shared_before, shared_after) == (True, True)
    assert answers == [True] * 200
    # One of each process, from the cache and from whatever else lives without Redis in its own way.
    assert warnings[CACHE_LOGGER] == 2
    assert max(warnings.values()) == 2
