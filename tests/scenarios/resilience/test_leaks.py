"""Two callers ask the same thing at the same address with different credentials: neither ever sees what is the other's.

The things have the same ids for both, so that only the credentials tell them apart. With Redis each caller asks at a
gateway of its own, so that what one has fetched reaches the other's if it can.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from gateway.sandbox.server import serving
from tests.scenarios.resilience.two_owners import OWNERS, TwoOwners, gateway, http_client, settings_for

HOUSE, ACME = OWNERS
EVERYTHING = """{
  delivery(id: "1") { createdBy product { name } }
  nodes(ids: ["Delivery:1", "Delivery:2"]) { ... on Delivery { createdBy } }
  deliveries(first: 2) { nodes { id createdBy product { name } } }
}"""
CHANGE = 'mutation { updateDelivery(id: "1", input: {deliverable: false}) { delivery { createdBy } } }'
ALWAYS_STALE = {f"GATEWAY_CACHE__TTL_{kind}": "0.000001" for kind in ("ACTIVE", "REFERENCE", "RELATIONSHIP")}


class Callers:
    """The two owners and a clerk of the first, before one gateway or two; lives one test."""

    def __init__(self, upstream: TwoOwners, urls: dict[str, str], client: httpx.AsyncClient) -> None:
        self.upstream = upstream
        self._urls = urls
        self._client = client

    async def ask(self, caller: str, query: str = EVERYTHING) -> httpx.Response:
        headers = {"x-api-key": f"key of {caller}"}
        return await self._client.post(self._urls[caller], json={"query": query}, headers=headers)

    async def both(self) -> None:
        """Ask as both at the same time, twice each, and look for whatever is the other's."""
        house, acme, again, acme_again = await asyncio.gather(*(self.ask(owner) for owner in (*OWNERS, *OWNERS)))
        for owner, answer in ((HOUSE, house), (ACME, acme), (HOUSE, again), (ACME, acme_again)):
            is_of(owner, answer)


def is_of(owner: str, answer: httpx.Response) -> None:
    """An answer holds all that was asked for, and nothing that is anybody else's."""
    told: dict[str, Any] = answer.json()
    assert "errors" not in told, told
    assert told["data"]["delivery"]["createdBy"] == f"the people of {owner}"
    assert f"of {owner}" in answer.text
    assert [other for other in OWNERS if other != owner and f"of {other}" in answer.text] == []


@asynccontextmanager
async def started(settings: dict[str, str], redis: dict[str, str] | None) -> AsyncIterator[Callers]:
    upstream = TwoOwners()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(upstream))
        whole = {**settings_for(url), **settings, **(redis or {})}
        first = await stack.enter_async_context(gateway(whole))
        second = first if redis is None else await stack.enter_async_context(gateway(whole))
        client = await stack.enter_async_context(http_client())
        yield Callers(upstream, {HOUSE: first, ACME: second, "clerk": first}, client)


@pytest.fixture
def redis(redis_url: str, redis_prefix: str) -> dict[str, str]:
    return {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix}


@pytest.fixture(params=["alone", "redis", "nothing kept"])
async def callers(request: pytest.FixtureRequest, redis: dict[str, str]) -> AsyncIterator[Callers]:
    settings = {"GATEWAY_CACHE__ENABLED": "false"} if request.param == "nothing kept" else {}
    async with started(settings, redis if request.param == "redis" else None) as them:
        yield them


@pytest.fixture(params=["alone", "redis"])
async def stale(request: pytest.FixtureRequest, redis: dict[str, str]) -> AsyncIterator[Callers]:
    async with started(ALWAYS_STALE, redis if request.param == "redis" else None) as them:
        yield them


async def test_nothing_leaks_while_nothing_is_kept_yet(callers: Callers) -> None:
    await callers.both()


async def test_nothing_leaks_while_calls_of_both_are_on_their_way(callers: Callers) -> None:
    callers.upstream.gate.clear()
    asking = asyncio.create_task(callers.both())
    # A batch and a page for each of the two, at the least.
    await callers.upstream.was_asked(4)

    callers.upstream.gate.set()
    await asking

    assert {owner for owner, _, _ in callers.upstream.asked} == set(OWNERS)


async def test_nothing_leaks_of_what_one_has_asked_before(callers: Callers) -> None:
    is_of(HOUSE, await callers.ask(HOUSE))

    is_of(ACME, await callers.ask(ACME))
    await callers.both()


async def test_nothing_leaks_of_what_has_become_old(stale: Callers) -> None:
    is_of(HOUSE, await stale.ask(HOUSE))
    is_of(ACME, await stale.ask(ACME))

    answer = await stale.ask(ACME)

    assert answer.json()["extensions"]["gateway"]["stale"] != []
    is_of(ACME, answer)
    await stale.both()


async def test_who_has_nothing_old_gets_nothing_while_the_upstream_is_down_and_the_other_gets_its_own(
    stale: Callers,
) -> None:
    is_of(HOUSE, await stale.ask(HOUSE))
    stale.upstream.trouble = lambda _: Response(status_code=503)

    house, acme = await asyncio.gather(stale.ask(HOUSE), stale.ask(ACME))

    is_of(HOUSE, house)
    assert acme.json()["data"] == {"delivery": None, "nodes": [None, None], "deliveries": None}


async def test_nothing_leaks_after_a_change_and_the_other_s_records_stay(callers: Callers) -> None:
    await callers.both()

    changed = await callers.ask(HOUSE, CHANGE)

    assert changed.json()["data"]["updateDelivery"]["delivery"]["createdBy"] == f"the people of {HOUSE}"
    await callers.both()


async def test_a_caller_of_the_same_account_gets_no_more_than_its_scopes_whatever_another_was_answered(
    callers: Callers,
) -> None:
    is_of(HOUSE, await callers.ask(HOUSE))

    owner, clerk = await asyncio.gather(callers.ask(HOUSE), callers.ask("clerk"))
    after = await callers.ask(HOUSE)

    is_of(HOUSE, owner)
    assert {error["extensions"]["code"] for error in clerk.json()["errors"]} == {"FORBIDDEN"}
    assert "the people" not in clerk.text
    is_of(HOUSE, after)


async def test_a_scoped_caller_that_asks_first_spoils_nothing_for_who_may_see_all(callers: Callers) -> None:
    callers.upstream.gate.clear()
    clerk, owner = (asyncio.create_task(callers.ask(caller)) for caller in ("clerk", HOUSE))
    await callers.upstream.was_asked(2)

    callers.upstream.gate.set()

    assert {error["extensions"]["code"] for error in (await clerk).json()["errors"]} == {"FORBIDDEN"}
    is_of(HOUSE, await owner)
