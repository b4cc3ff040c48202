"""An empty `operationName` is none, and an empty `query` is no document, over every transport."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

import httpx
import orjson
import pytest

from gateway.app import create_app
from gateway.settings import load_settings
from tests.lifespan import lifespan_of
from tests.subscriptions.loopback import serving
from tests.subscriptions.socket_client import NEW, OLD, initialized


class Gateway(NamedTuple):
    """A gateway without upstreams, and how to reach it."""

    client: httpx.AsyncClient
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}/graphql"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    app = create_app(load_settings({"GATEWAY_AUTH__ANONYMOUS": "true"}))
    async with (
        lifespan_of(app),
        serving(app, max_message_bytes=10_000) as port,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        yield Gateway(client, port)


Send = Callable[[Gateway, dict[str, Any]], Awaitable[dict[str, Any]]]


async def by_post(gateway: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = (await gateway.client.post(f"{gateway.url}", json=body)).json()
    return response


async def by_get(gateway: Gateway, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    parameters = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    answer = await gateway.client.get(f"{gateway.url}", params=parameters, headers=headers)
    return first_json(answer.text)


async def by_stream(accept: str, gateway: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    answer = await gateway.client.post(f"{gateway.url}", json=body, headers={"accept": accept})
    return first_json(answer.text)


async def by_socket(protocol: str, gateway: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    start = "subscribe" if protocol == NEW else "start"
    async with initialized(gateway.port, protocol) as client:
        await client.say(start, "1", **body)
        while (message := await client.hear())["type"] == "ka":
            pass
    payload = message["payload"]
    return payload if isinstance(payload, dict) else {"errors": payload}


def first_json(text: str) -> dict[str, Any]:
    """Return the first object in the text of a response."""
    line = next(line for line in text.splitlines() if '"data"' in line or '"errors"' in line)
    response: dict[str, Any] = orjson.loads(line[line.index("{") :])
    return response.get("payload") or response


TRANSPORTS: Final[dict[str, Send]] = {
    "post": by_post,
    "get": by_get,
    "sse": partial(by_stream, "text/event-stream"),
    "sse by get": partial(by_get, accept="text/event-stream"),
    "multipart": partial(by_stream, "multipart/mixed;subscriptionSpec=1.0"),
    "graphql-transport-ws": partial(by_socket, NEW),
    "graphql-ws": partial(by_socket, OLD),
}
QUERY: Final = "{ __typename }"


def hash_of(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_an_empty_operation_name_is_none(gateway: Gateway, name: str) -> None:
    answer = await TRANSPORTS[name](gateway, {"query": "query Named { __typename }", "operationName": ""})

    assert answer == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_an_empty_operation_name_chooses_none_of_several(gateway: Gateway, name: str) -> None:
    body = {"query": "query A { __typename } query B { __typename }", "operationName": ""}

    answer = await TRANSPORTS[name](gateway, body)

    assert "say which" in answer["errors"][0]["message"]


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_an_empty_query_beside_a_hash_is_no_query(gateway: Gateway, name: str) -> None:
    unknown = await TRANSPORTS[name](gateway, {"query": "", "extensions": hash_of(QUERY)})
    await by_post(gateway, {"query": QUERY, "extensions": hash_of(QUERY)})
    known = await TRANSPORTS[name](gateway, {"query": "", "extensions": hash_of(QUERY)})

    assert unknown["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert known == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_variables_that_do_not_fit_are_still_refused(gateway: Gateway, name: str) -> None:
    body = {"query": "query ($a: Int!) { upstreams { name @include(if: true) } deliveries(first: $a) { totalCount } }"}

    answer = await TRANSPORTS[name](gateway, {**body, "operationName": "", "variables": {"a": "one"}})

    assert answer["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    assert "$a" in answer["errors"][0]["message"]
