"""A stream of server-sent events that is opened by a ticket, against a whole gateway on sockets."""

import hashlib
import logging
import logging.config
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest

from gateway.settings.groups import LogSettings
from gateway.telemetry.log import log_config
from tests.world import World, running_world

SUBSCRIPTION: Final = 'subscription { statusChanged(ids: ["Delivery:1"]) { kind } }'
SSE: Final = {"accept": "text/event-stream"}
KEY: Final = {"x-api-key": "key"}
APP: Final = "https://app.example.com"
SETTINGS: Final = {
    "GATEWAY_AUTH__ANONYMOUS": "false",
    "GATEWAY_AUTH__API_KEYS__SHOP": hashlib.sha256(b"key").hexdigest(),
    "GATEWAY_AUTH__API_KEYS__BLIND": hashlib.sha256(b"blind").hexdigest(),
    "GATEWAY_AUTH__API_KEY_SCOPES__BLIND": "sms:read",
    "GATEWAY_CORS_ORIGINS": APP,
}


@pytest.fixture
async def keyed() -> AsyncIterator[World]:
    async with running_world(SETTINGS) as world:
        yield world


async def ticket_of(world: World, headers: dict[str, str] = KEY) -> str:
    response = await world.client.post(f"{world.url}/graphql/ticket", json={}, headers=headers)
    assert response.status_code == 200, response.text
    ticket: str = response.json()["ticket"]
    return ticket


async def first_event(world: World, ticket: str, headers: dict[str, str] = SSE) -> tuple[int, str]:
    """Open a stream by a ticket; the status, and the data of its first event or the error's code."""
    params = {"query": SUBSCRIPTION, "ticket": ticket}
    async with world.client.stream("GET", f"{world.url}/graphql", params=params, headers=headers) as response:
        if response.status_code != 200:
            await response.aread()
            return response.status_code, response.json()["errors"][0]["extensions"]["code"]
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                return 200, line
    raise AssertionError("the stream ended without an event")


async def test_a_ticket_opens_one_stream(keyed: World) -> None:
    response = await keyed.client.post(f"{keyed.url}/graphql/ticket", json={}, headers=KEY)
    ticket = response.json()["ticket"]

    first, second = await first_event(keyed, ticket), await first_event(keyed, ticket)

    assert response.json() == {"ticket": ticket, "expiresInSeconds": 30}
    assert response.headers["cache-control"] == "no-store"
    assert "content-encoding" not in response.headers
    assert first == (200, 'data: {"data":{"statusChanged":{"kind":"SNAPSHOT"}}}')
    assert second == (401, "UNAUTHENTICATED")


async def test_a_ticket_has_the_rights_of_its_caller(keyed: World) -> None:
    _, event = await first_event(keyed, await ticket_of(keyed, {"x-api-key": "blind"}))

    assert '"kind":"PROBLEM"' in event


async def test_another_process_takes_the_ticket_as_well(redis_url: str, redis_prefix: str) -> None:
    shared = {**SETTINGS, "GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix}
    async with running_world(shared) as one, running_world(shared) as other:
        ticket = await ticket_of(one)
        status, _ = await first_event(other, ticket)
        again, _ = await first_event(one, ticket)

    assert (status, again) == (200, 401)


@pytest.mark.parametrize(
    ("method", "accept"),
    [
        ("GET", "application/json"),
        ("GET", "application/graphql-response+json"),
        ("HEAD", "text/event-stream"),
        ("GET", "multipart/mixed;subscriptionSpec=1.0"),
        ("POST", "text/event-stream"),
        ("POST", "application/json"),
    ],
)
async def test_a_ticket_opens_nothing_else_and_is_not_used_up(keyed: World, method: str, accept: str) -> None:
    ticket = await ticket_of(keyed)
    params, query = {"ticket": ticket}, {"query": "{ upstreams { name } }"}
    given: dict[str, Any] = {"params": params, "json": query} if method == "POST" else {"params": params | query}

    refused = await keyed.client.request(method, f"{keyed.url}/graphql", headers={"accept": accept}, **given)

    assert refused.status_code == 401
    assert (await first_event(keyed, ticket))[0] == 200


async def test_where_anybody_may_ask_a_ticket_is_still_for_streams_only() -> None:
    async with running_world({"GATEWAY_AUTH__ANONYMOUS": "true"}) as world:
        ticket = await ticket_of(world, {})
        params = {"ticket": ticket, "query": "{ upstreams { name } }"}
        refused = await world.client.get(f"{world.url}/graphql", params=params)
        status, _ = await first_event(world, ticket)

    assert refused.status_code == 400
    assert "server-sent events" in refused.json()["errors"][0]["message"]
    assert status == 200


async def test_a_ticket_beside_a_key_is_refused_and_not_used_up(keyed: World) -> None:
    ticket = await ticket_of(keyed)

    refused = await first_event(keyed, ticket, {**SSE, **KEY})

    assert refused == (401, "UNAUTHENTICATED")
    assert (await first_event(keyed, ticket, {**SSE, "authorization": "Basic cHJveHk="}))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({**KEY, "content-type": "text/plain"}, 415),
        ({**KEY, "origin": "https://evil.example.com"}, 403),
        ({**KEY, "sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_a_ticket_needs_what_other_posts_need(keyed: World, headers: dict[str, str], status: int) -> None:
    sent = {"content-type": "application/json", **headers}

    response = await keyed.client.post(f"{keyed.url}/graphql/ticket", content=b"{}", headers=sent)

    assert response.status_code == status
    assert "ticket" not in response.json()


async def test_pages_of_listed_origins_get_tickets_and_streams(keyed: World) -> None:
    url, asked = f"{keyed.url}/graphql/ticket", {"origin": APP, "access-control-request-method": "POST"}

    preflight = await keyed.client.options(url, headers={**asked, "access-control-request-headers": "x-api-key"})
    given = await keyed.client.post(url, json={}, headers={**KEY, "origin": APP, "sec-fetch-site": "cross-site"})
    foreign = {**SSE, "origin": "https://evil.example.com"}

    assert (preflight.status_code, preflight.headers["access-control-allow-headers"]) == (204, "x-api-key")
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert given.headers["access-control-allow-origin"] == APP
    assert (await first_event(keyed, given.json()["ticket"], foreign))[0] == 403
    assert (await first_event(keyed, given.json()["ticket"], {**SSE, "origin": APP}))[0] == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "", 405), ("PUT", "", 405), ("POST", "/x", 404)])
async def test_other_methods_and_paths_give_no_ticket(keyed: World, method: str, path: str, status: int) -> None:
    response = await keyed.client.request(method, f"{keyed.url}/graphql/ticket{path}", headers=KEY)

    assert response.status_code == status


@pytest.fixture
def everything_logged(capfd: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    logging.config.dictConfig(log_config(LogSettings(level="debug", access=True, operations_sample=1.0)))
    yield capfd
    root.setLevel(before[0])
    root.handlers[:] = before[1]


async def test_a_ticket_is_in_no_log(everything_logged: pytest.CaptureFixture[str]) -> None:
    async with running_world({**SETTINGS, "GATEWAY_LOG__OPERATIONS_SAMPLE": "1"}) as world:
        ticket = await ticket_of(world)
        await first_event(world, ticket)
        await first_event(world, ticket)

    logged = everything_logged.readouterr()
    assert ticket not in logged.out + logged.err
