"""`/metrics` counts what happened, and tells nothing that an id, an address or a secret could be read from."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import Response

from gateway.sandbox.server import serving
from resolvers.upstreams.transport.breaker import BreakerConfig
from tests.scenarios.resilience.two_owners import TwoOwners, gateway, http_client, settings_for

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "metrics.md"
CALL: Final = {"upstream": "DELIVERIES", "operation": "delivery"}


class Scraped:
    """A gateway whose metrics a test reads; lives one test."""

    def __init__(self, upstream: TwoOwners, url: str, client: httpx.AsyncClient) -> None:
        self.upstream = upstream
        self._url = url
        self._client = client
        self._headers = {"x-api-key": "key of house"}

    async def ask(self, query: str) -> None:
        await self._client.post(self._url, json={"query": query}, headers=self._headers)

    async def text(self) -> str:
        answer = await self._client.get(self._url.replace("/graphql", "/metrics"))
        assert answer.headers["content-type"].startswith("text/plain; version=")
        return answer.text

    async def values(self, name: str, **labels: str) -> dict[str, float]:
        """The samples of a name with these labels, by their other label or by nothing."""
        samples = [one for family in text_string_to_metric_families(await self.text()) for one in family.samples]
        return {
            "".join(value for label, value in sample.labels.items() if label not in labels): sample.value
            for sample in samples
            if sample.name == name and labels.items() <= sample.labels.items()
        }

    def following(self) -> AsyncGenerator[str, None]:
        """An open subscription."""
        return self._lines('subscription { statusChanged(ids: ["Delivery:1"]) { __typename } }')

    async def _lines(self, query: str) -> AsyncGenerator[str, None]:
        headers = {**self._headers, "accept": "text/event-stream"}
        async with self._client.stream("POST", self._url, json={"query": query}, headers=headers) as answer:
            async for line in answer.aiter_lines():
                yield line


@pytest.fixture
async def scraped(redis_url: str, redis_prefix: str) -> AsyncIterator[Scraped]:
    upstream = TwoOwners()
    redis = {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix}
    async with (
        serving(upstream) as address,
        gateway({**settings_for(address), **redis}) as url,
        http_client() as client,
    ):
        yield Scraped(upstream, url, client)


async def test_operations_are_counted_by_what_came_of_them(scraped: Scraped) -> None:
    await scraped.ask('{ delivery(id: "1") { id } }')
    await scraped.ask('{ delivery(id: "1") { id } partner { name } }')
    await scraped.ask("{ nothing }")
    await scraped.ask("{")

    counts = await scraped.values("gateway_operations_total")

    assert counts == {"whole": 1, "partial": 1, "refused": 2, "abandoned": 0, "failed": 0}


async def test_calls_are_counted_with_their_tries_and_times(scraped: Scraped) -> None:
    troubles = iter([Response(status_code=503)])
    scraped.upstream.trouble = lambda _: next(troubles, None)
    await scraped.ask('{ delivery(id: "1") { id } }')
    scraped.upstream.trouble = lambda _: Response(status_code=500)
    await scraped.ask('{ delivery(id: "2") { id } }')

    assert await scraped.values("gateway_upstream_calls_total", **CALL) == {"200": 1, "500": 1}
    assert await scraped.values("gateway_upstream_tries_total", **CALL) == {"": 3}
    assert await scraped.values("gateway_upstream_call_seconds_count", **CALL) == {"": 2}


async def test_the_cache_tells_what_it_did_and_holds(scraped: Scraped) -> None:
    await scraped.ask('{ delivery(id: "1") { id } }')
    await scraped.ask('{ delivery(id: "1") { createdBy } }')

    events = await scraped.values("gateway_cache_events_total")

    assert (events["misses"], events["hits"], events["redis_failures"]) == (1, 1, 0)
    assert await scraped.values("gateway_cache_entries") == {"": 1}
    assert await scraped.values("gateway_cache_redis_up") == {"": 1}


async def test_an_open_breaker_is_seen(scraped: Scraped) -> None:
    closed = await scraped.values("gateway_upstream_breakers_open")
    scraped.upstream.trouble = lambda _: Response(status_code=503)

    await asyncio.gather(*(scraped.ask(f'{{ delivery(id: "{number}") {{ id }} }}') for number in range(20)))

    assert closed["DELIVERIES"] == 0
    assert (await scraped.values("gateway_upstream_breakers_open"))["DELIVERIES"] == 1
    # Both accounts are at the same address.
    assert (await scraped.values("gateway_upstream_addresses"))["DELIVERIES"] == 1


async def test_reads_and_batches_are_counted_by_the_kind_of_record(scraped: Scraped) -> None:
    await scraped.ask('{ one: delivery(id: "1") { id } two: delivery(id: "2") { id } }')
    await scraped.ask('{ delivery(id: "1") { createdBy } }')

    reads = await scraped.values("gateway_cache_reads_total", kind="delivery")

    assert reads == {"hits": 1, "stale": 0, "misses": 2, "joined": 0, "from_redis": 0}
    assert await scraped.values("gateway_cache_batch_size_sum") == {"delivery": 2}
    assert await scraped.values("gateway_cache_batch_size_count") == {"delivery": 1}


async def test_a_breakers_state_is_one_of_three(scraped: Scraped) -> None:
    closed = await scraped.values("gateway_upstream_breakers", upstream="DELIVERIES")
    scraped.upstream.trouble = lambda _: Response(status_code=503)
    await asyncio.gather(*(scraped.ask(f'{{ delivery(id: "{number}") {{ id }} }}') for number in range(20)))

    opened = await scraped.values("gateway_upstream_breakers", upstream="DELIVERIES")
    await asyncio.sleep(BreakerConfig().probe_seconds)

    assert closed == {"closed": 1, "open": 0, "half_open": 0}
    assert opened == {"closed": 0, "open": 1, "half_open": 0}
    probing = await scraped.values("gateway_upstream_breakers", upstream="DELIVERIES")
    assert probing == {"closed": 0, "open": 0, "half_open": 1}


async def test_open_subscriptions_are_counted(scraped: Scraped) -> None:
    before = await scraped.values("gateway_open_connections")
    following = scraped.following()
    await anext(following)

    during = await scraped.values("gateway_open_connections")

    await following.aclose()
    assert (before, during) == ({"": 0}, {"": 1})


async def test_what_is_told_is_what_the_document_says_and_nothing_to_find_anybody_by(scraped: Scraped) -> None:
    await scraped.ask('{ delivery(id: "47114711") { id product { name } } }')

    text = await scraped.text()

    told = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    names = {
        re.sub(r"_(bucket|sum|count|created)$", "", name) for name in told if name.startswith(("gateway_", "http_"))
    }
    documented = set(re.findall(r"^\| `((?:gateway|http)_\w+)`", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    # That is there with upstreams that speak TLS; `tests/reload/test_certificates.py` reads it.
    documented.remove("gateway_certificate_expiry_seconds")
    assert {name.removesuffix("_total") for name in names} == {name.removesuffix("_total") for name in documented}
    assert [word for word in ("47114711", "127.0.0.1", "send-tasks", "acme", "key of house") if word in text] == []
