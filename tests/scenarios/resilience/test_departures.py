"""A client that leaves ends the upstream calls that nobody else waits for, and no mutation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx
import orjson
import pytest
from starlette.types import Receive, Scope, Send

from gateway.app import create_app
from gateway.sandbox.server import serving as serving_upstream
from gateway.settings import load_settings
from tests.lifespan import lifespan_of
from tests.scenarios.resilience.two_owners import http_client
from tests.subscriptions.loopback import serving
from tests.subscriptions.socket_client import NEW, OLD, Client, initialized
from tests.subscriptions.stream_client import SSE

TIMES: Final = {"created-at": "2020-01-01T00:00:00Z", "updated-at": "2020-01-01T00:00:00Z"}
QUERY: Final = '{ delivery(id: "1") { sendTaskId product { name } } }'
OTHER_QUERY: Final = '{ other: delivery(id: "1") { sendTaskId } }'
SUBSCRIPTION: Final = 'subscription { statusChanged(ids: ["Delivery:1"]) { kind } }'
MUTATION: Final = 'mutation { updateDelivery(id: "1", input: {deliverable: false}) { errors { message } } }'
DELIVERY: Final = ("GET", "/api/v1/send-tasks/1")
PRODUCT: Final = ("GET", "/api/v1/send-tasks/1/product")
CHANGE: Final = ("PATCH", "/api/v1/send-tasks/1")
MULTIPART: Final = "multipart/mixed;subscriptionSpec=1.0"


class HeldUpstream:
    """Answers each request once the gate is open, and notes whose client has left before; lives one test."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.left: list[tuple[str, str]] = []
        self.answered: list[tuple[str, str]] = []
        self.gate = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["method"], scope["path"]
        self.asked.append(asked)
        waiting = [asyncio.ensure_future(self.gate.wait()), asyncio.ensure_future(_gone(receive))]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting[1].done():
            self.left.append(asked)
            return
        waiting[1].cancel()
        self.answered.append(asked)
        attributes = {"deliverable": False, "delivery-type": "delivery", "status": "pending", **TIMES}
        if asked == PRODUCT:
            attributes = {"name": "Product"}
        body = orjson.dumps({"data": {"id": "1", "attributes": attributes}})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@dataclass
class Running:
    """A gateway over the held upstream; lives one test."""

    upstream: HeldUpstream
    port: int
    client: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"


@asynccontextmanager
async def started(settings: dict[str, str] | None = None) -> AsyncIterator[Running]:
    upstream = HeldUpstream()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving_upstream(upstream))
        own = {
            "GATEWAY_DELIVERIES__URL": f"{url}/api/v1",
            "GATEWAY_DELIVERIES__TOKEN": "token",
            "GATEWAY_AUTH__ANONYMOUS": "true",
            # Far beyond what a test waits for: only the client that leaves ends a call.
            "GATEWAY_DELIVERIES__TIMEOUT_SECONDS": "60",
            "GATEWAY_DEADLINE_SECONDS": "60",
            **(settings or {}),
        }
        app = create_app(load_settings(own))
        await stack.enter_async_context(lifespan_of(app))
        port = await stack.enter_async_context(serving(app, max_message_bytes=100_000))
        yield Running(upstream, port, await stack.enter_async_context(http_client()))


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with started() as gateway:
        yield gateway


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a server has no event for each state
            await asyncio.sleep(0.005)


Leave = Callable[[Running, str], Awaitable[None]]


async def by_http(accept: str, running: Running, document: str, *, method: str = "POST") -> None:
    """Ask, and cut the connection once the upstream was asked."""
    sent = {"params": {"query": document}} if method == "GET" else {"json": {"query": document}}
    asking = asyncio.create_task(
        running.client.request(method, running.url, headers={"accept": accept}, **sent)  # type: ignore[arg-type]  # both are mappings
    )
    await until(lambda: bool(running.upstream.asked))
    asking.cancel()


async def by_complete(running: Running, document: str) -> None:
    """Ask over a WebSocket, and say that no answer is wanted any more."""
    async with initialized(running.port) as client:
        await client.say("subscribe", "1", query=document)
        await until(lambda: bool(running.upstream.asked))
        await client.say("complete", "1")
        await _settled(client)
        await until(lambda: bool(running.upstream.left) or "mutation" in document)


async def by_close(protocol: str, running: Running, document: str) -> None:
    """Ask over a WebSocket, and close it."""
    async with initialized(running.port, protocol) as client:
        await client.say("subscribe" if protocol == NEW else "start", "1", query=document)
        await until(lambda: bool(running.upstream.asked))


async def _settled(client: Client) -> None:
    await client.say("ping")
    while (await client.hear())["type"] != "pong":
        pass


JSON: Final = "application/graphql-response+json"
LEAVING: Final[dict[str, Leave]] = {
    "POST": partial(by_http, JSON),
    "SSE": partial(by_http, SSE),
    "multipart": partial(by_http, MULTIPART),
    "complete": by_complete,
    "close": partial(by_close, NEW),
    "close of the older protocol": partial(by_close, OLD),
}


@pytest.mark.parametrize("leave", [*LEAVING.values(), partial(by_http, JSON, method="GET")], ids=[*LEAVING, "GET"])
async def test_a_client_that_leaves_ends_its_upstream_calls(leave: Leave, running: Running) -> None:
    await leave(running, QUERY)
    await until(lambda: bool(running.upstream.left))
    running.upstream.gate.set()
    await asyncio.sleep(0.1)

    assert running.upstream.left == running.upstream.asked == [DELIVERY]


@pytest.mark.parametrize("way", [name for name in LEAVING if name != "POST"])
async def test_a_subscriber_that_leaves_ends_its_upstream_calls(way: str, running: Running) -> None:
    await LEAVING[way](running, SUBSCRIPTION)
    await until(lambda: bool(running.upstream.left))

    assert running.upstream.left == running.upstream.asked == [DELIVERY]


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
async def test_a_mutation_goes_on_whose_client_has_left(leave: Leave, running: Running) -> None:
    await leave(running, MUTATION)
    await asyncio.sleep(0.3)
    running.upstream.gate.set()
    await until(lambda: bool(running.upstream.answered))

    assert running.upstream.answered == running.upstream.asked == [CHANGE]
    assert running.upstream.left == []


@pytest.mark.parametrize("others", [QUERY, OTHER_QUERY], ids=["the same query", "another query for the same record"])
async def test_calls_that_somebody_else_waits_for_go_on_and_are_not_made_twice(others: str, running: Running) -> None:
    leaving = asyncio.create_task(running.client.post(running.url, json={"query": QUERY}))
    await until(lambda: bool(running.upstream.asked))
    staying = asyncio.create_task(running.client.post(running.url, json={"query": others}))
    await asyncio.sleep(0.1)
    leaving.cancel()
    await asyncio.sleep(0.2)
    running.upstream.gate.set()
    answer = await staying

    assert "errors" not in answer.json()
    assert running.upstream.asked == ([DELIVERY, PRODUCT] if others == QUERY else [DELIVERY])
    assert running.upstream.left == []


async def test_a_client_that_leaves_pays_the_estimate_of_what_it_began() -> None:
    async with started({"GATEWAY_AUTH__CALLS_PER_MINUTE": "10"}) as running:
        await by_http(JSON, running, QUERY)
        await until(lambda: bool(running.upstream.left))

        answer = await running.client.post(running.url, json={"query": "{ __typename }"})

    assert answer.headers["ratelimit-remaining"] == "8"
