"""What a gateway tells of itself: the calls behind an answer, what of it is stale, how its upstreams do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import pytest
from starlette.responses import Response

from gateway.sandbox.server import serving
from tests.scenarios.resilience.two_owners import TwoOwners, gateway, http_client, settings_for

EXPLAIN: Final = {"x-gateway-explain": "1"}
ALWAYS_STALE: Final = {f"GATEWAY_CACHE__TTL_{kind}": "0.000001" for kind in ("ACTIVE", "REFERENCE", "RELATIONSHIP")}
DELIVERY: Final = '{ delivery(id: "1") { createdBy product { name } } }'
STATES: Final = "{ upstreams { name state lastErrorCode retryAfterSeconds } }"
CHANGE: Final = 'mutation { updateDelivery(id: "1", input: {deliverable: false}) { delivery { product { name } } } }'


class Scene:
    """A gateway and its upstream; lives one test."""

    def __init__(self, upstream: TwoOwners, url: str, client: httpx.AsyncClient) -> None:
        self.upstream = upstream
        self.url = url
        self.client = client

    async def ask(self, query: str, caller: str = "house", headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        own = {"x-api-key": f"key of {caller}", **(headers or {})}
        answer = await self.client.post(self.url, json={"query": query}, headers=own)
        told: dict[str, Any] = answer.json()
        return told

    async def calls(self, query: str) -> list[tuple[str, str, int]]:
        """Path, cache outcome and tries of each call of an operation."""
        told = (await self.ask(query, headers=EXPLAIN))["extensions"]["gateway"]["calls"]
        return [(call["path"].removeprefix("/api/v1"), call["cache"], call["tries"]) for call in told]

    async def state(self, caller: str = "house") -> dict[str, Any]:
        """How the send-tasks API does, as a caller is told."""
        found: dict[str, Any] = (await self.ask(STATES, caller))["data"]["upstreams"][0]
        assert found.pop("name") == "DELIVERIES"
        return found


@asynccontextmanager
async def started(settings: Mapping[str, str]) -> AsyncIterator[Scene]:
    upstream = TwoOwners()
    async with (
        serving(upstream) as address,
        gateway({**settings_for(address), **settings}) as url,
        http_client() as client,
    ):
        yield Scene(upstream, url, client)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with started({}) as running:
        yield running


@pytest.fixture
async def stale() -> AsyncIterator[Scene]:
    async with started(ALWAYS_STALE) as running:
        yield running


def unavailable(_: str) -> Response:
    return Response(status_code=503)


async def test_calls_that_were_made_are_told_apart_from_those_that_were_not_needed(scene: Scene) -> None:
    cold = await scene.calls(DELIVERY)
    warm = await scene.calls(DELIVERY)

    assert cold == [("/send-tasks/1", "miss", 1), ("/send-tasks/1/product", "miss", 1)]
    assert [(path, cache, tries) for path, cache, tries in warm if cache != "hit" or tries] == []
    assert warm != []


async def test_a_call_that_was_tried_twice_says_so(scene: Scene) -> None:
    troubles = iter([Response(status_code=503)])
    scene.upstream.trouble = lambda _: next(troubles, None)

    calls = await scene.calls('{ delivery(id: "1") { id } }')

    assert calls == [("/send-tasks/1", "miss", 2)]


async def test_a_call_of_another_operation_that_this_one_waited_for_is_shared(scene: Scene) -> None:
    scene.upstream.gate.clear()
    first = asyncio.create_task(scene.ask('{ delivery(id: "1") { id } }'))
    await scene.upstream.was_asked(1)
    second = asyncio.create_task(scene.calls('{ delivery(id: "1") { createdBy } other: delivery(id: "2") { id } }'))
    await scene.upstream.was_asked(2)

    scene.upstream.gate.set()
    await first

    assert await second == [("/send-tasks/1", "shared", 0), ("/send-tasks/2", "miss", 1)]
    assert len(scene.upstream.asked) == 2


async def test_what_is_stale_is_told_with_its_path_and_age_whether_or_not_it_was_asked_for(stale: Scene) -> None:
    await stale.ask(DELIVERY)
    stale.upstream.trouble = unavailable

    told = await stale.ask(DELIVERY)
    explained = await stale.calls(DELIVERY)

    assert told["data"]["delivery"]["product"] == {"name": "the product of house"}
    assert [(one["path"], one["ageSeconds"] > 0) for one in told["extensions"]["gateway"]["stale"]] == [
        (["delivery"], True),
        (["delivery", "product"], True),
    ]
    assert "stale" in {cache for _, cache, _ in explained}


async def test_each_item_that_is_stale_is_told_at_its_own_place(stale: Scene) -> None:
    query = '{ nodes(ids: ["Delivery:1", "nothing", "Delivery:2"]) { id } }'
    await stale.ask(query)

    told = await stale.ask(query)

    assert [one["path"] for one in told["extensions"]["gateway"]["stale"]] == [["nodes", 0], ["nodes", 2]]


async def test_a_fresh_answer_tells_nothing(scene: Scene) -> None:
    await scene.ask(DELIVERY)

    assert "extensions" not in await scene.ask(DELIVERY)


async def test_a_mutation_reads_nothing_stale_even_where_nothing_else_is_left(stale: Scene) -> None:
    await stale.ask(DELIVERY)
    mutation = asyncio.create_task(stale.ask(CHANGE, headers=EXPLAIN))
    stale.upstream.trouble = lambda _: unavailable("") if stale.upstream.asked[-1][2].endswith("/product") else None

    told = await mutation

    assert told["data"] == {"updateDelivery": {"delivery": {"product": None}}}
    assert [error["extensions"]["code"] for error in told["errors"]] == ["UPSTREAM_UNAVAILABLE"]
    assert {call["cache"] for call in told["extensions"]["gateway"]["calls"]} == {"miss"}


async def test_the_state_of_an_upstream_is_that_of_its_breaker_and_is_never_kept(scene: Scene) -> None:
    before = await scene.state()
    scene.upstream.trouble = unavailable
    await asyncio.gather(*(scene.ask(f'{{ delivery(id: "{number}") {{ id }} }}') for number in range(20)))

    down = await scene.state()

    assert before == {"state": "HEALTHY", "lastErrorCode": None, "retryAfterSeconds": None}
    assert (down["state"], down["lastErrorCode"]) == ("UNAVAILABLE", "UPSTREAM_UNAVAILABLE")
    assert 0 < down["retryAfterSeconds"] <= 1


async def test_a_gate_that_a_429_closed_is_told_to_the_account_that_it_concerns(scene: Scene) -> None:
    scene.upstream.trouble = lambda owner: (
        Response(status_code=429, headers={"retry-after": "30"}) if owner == "acme" else None
    )

    await scene.ask('{ delivery(id: "1") { id } }', "acme")
    limited, other = await scene.state("acme"), await scene.state("house")

    assert (limited["state"], limited["lastErrorCode"]) == ("DEGRADED", "UPSTREAM_RATE_LIMITED")
    assert 20 < limited["retryAfterSeconds"] <= 30
    assert other == {"state": "HEALTHY", "lastErrorCode": None, "retryAfterSeconds": None}
