"""Requests that are no GraphQL over HTTP: they go on to the handlers that the endpoint was given."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.cross_site import CrossSiteRule, ListedOrigins
from gateway.http.endpoint import Endpoint, EndpointConfig
from gateway.http.negotiation import EVENT_STREAM
from gateway.http.request import REQUEST_ID
from gateway.sandbox.server import serving
from resolvers.errors import Forbidden
from tests.http.conftest import LISTED, authenticate
from tests.http.schema_operations import SchemaOperations
from tests.subscriptions.loopback import serving as serving_sockets

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NAVIGATION = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def saying(word: str) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"{word} {scope[REQUEST_ID]}")(scope, receive, send)

    return app


async def accepting(_: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def refusing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Forbidden("Subscriptions are not for this caller.")


def built(streams: ASGIApp | None = None, page: ASGIApp | None = None, sockets: ASGIApp | None = None) -> Endpoint[str]:
    config = EndpointConfig(rule=CrossSiteRule(listed=ListedOrigins((LISTED,))))
    handlers = {} if streams is None else {EVENT_STREAM: streams}
    return Endpoint(SchemaOperations(), authenticate, config, page=page, streams=handlers, sockets=sockets)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    endpoint = built(streams=saying("stream"), page=saying("page"))
    async with serving(endpoint) as base, httpx.AsyncClient(base_url=base, trust_env=False) as client:
        yield client


async def test_a_browser_gets_the_page_and_a_program_the_data(client: httpx.AsyncClient) -> None:
    params = {"query": "{ hello }"}

    page = await client.get("/", params=params, headers={"accept": BROWSER, "x-request-id": "i-1"})
    data = await client.get("/", params=params)

    assert (page.text, page.headers["x-request-id"]) == ("page i-1", "i-1")
    assert data.json() == {"data": {"hello": "Hello, world"}}


async def test_html_is_no_answer_to_a_post(client: httpx.AsyncClient) -> None:
    response = await client.post("/", json={"query": "{ hello }"}, headers={"accept": "text/html"})

    assert response.status_code == 406


async def test_a_link_of_another_site_may_open_the_page_but_no_frame_may(client: httpx.AsyncClient) -> None:
    opened = await client.get("/", headers={"accept": BROWSER, **NAVIGATION})
    framed = await client.get("/", headers={"accept": BROWSER, **NAVIGATION, "sec-fetch-dest": "iframe"})

    assert (opened.status_code, framed.status_code) == (200, 403)


async def test_a_navigation_of_another_site_runs_no_query(client: httpx.AsyncClient) -> None:
    response = await client.get("/?query={hello}", headers={"accept": "application/json", **NAVIGATION})

    assert response.status_code == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_prefers_a_stream_gets_it_under_the_same_cross_site_rule(
    client: httpx.AsyncClient, method: str
) -> None:
    accept = {"accept": "text/event-stream", "x-request-id": "i-2"}

    served = await client.request(method, "/", headers=accept)
    shared = await client.request(method, "/", headers={**accept, "origin": LISTED})
    refused = await client.request(method, "/", headers={**accept, "origin": "https://evil.example"})

    assert (served.text, served.headers["x-request-id"]) == ("stream i-2", "i-2")
    assert shared.headers["access-control-allow-origin"] == LISTED
    assert refused.status_code == 403


async def test_an_error_that_a_handler_raises_is_answered_as_one_of_ours() -> None:
    async with serving(built(streams=refusing)) as base, httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(base, headers={"accept": "text/event-stream"})

    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


async def handshake_status(app: ASGIApp, origin: str) -> int:
    async with serving_sockets(app, max_message_bytes=1000) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"origin: {origin.format(own=f'http://127.0.0.1:{port}')}\r\n\r\n".encode()
        )
        status = int((await reader.readline()).split()[1])
        writer.close()
        await writer.wait_closed()
    return status


@pytest.mark.parametrize(("origin", "status"), [("{own}", 101), (LISTED, 101), ("https://evil.example", 403)])
async def test_a_socket_is_opened_for_our_pages_and_listed_ones_only(origin: str, status: int) -> None:
    assert await handshake_status(built(sockets=accepting), origin) == status


async def test_without_a_handler_no_socket_is_opened() -> None:
    assert await handshake_status(built(), "{own}") == 403
