"""Requests that pages of other sites make a browser send, and what answers tell browsers."""

from collections.abc import Mapping
from typing import Final

import pytest
from starlette.types import Message

from gateway.app import create_app
from gateway.settings import load_settings
from tests.world import World

MUTATION: Final = '{"query": "mutation { cancelDelivery(id: \\"1\\") { errors { message } } }"}'
EVIL: Final = "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, 415, "BAD_INPUT"),
        ({"content-type": "multipart/form-data; boundary=x"}, 415, "BAD_INPUT"),
        ({"content-type": "text/plain"}, 415, "BAD_INPUT"),
        ({}, 415, "BAD_INPUT"),
        ({"content-type": "application/json", "origin": EVIL}, 403, "FORBIDDEN"),
        ({"content-type": "application/json", "origin": "null"}, 403, "FORBIDDEN"),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, 403, "FORBIDDEN"),
        ({"content-type": "application/json", "sec-fetch-site": "same-site"}, 403, "FORBIDDEN"),
    ],
)
async def test_a_mutation_that_another_site_sends_is_refused(
    world: World, headers: Mapping[str, str], status: int, code: str
) -> None:
    response = await world.client.post(f"{world.url}/graphql", content=MUTATION, headers=headers)

    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert "access-control-allow-origin" not in response.headers
    assert world.requests == []


async def test_a_query_by_a_link_of_another_site_is_refused(world: World) -> None:
    response = await world.client.get(
        f"{world.url}/graphql", params={"query": "{ __typename }"}, headers={"sec-fetch-site": "cross-site"}
    )

    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("origin", "fetch_site", "refused"),
    [
        (EVIL, None, True),
        ("null", None, True),
        ("http://gateway.example", "cross-site", True),
        ("http://gateway.example", None, False),
        (None, None, False),
        ("https://listed.example", "cross-site", False),
    ],
)
async def test_a_web_socket_of_another_site_is_refused(
    origin: str | None, fetch_site: str | None, refused: bool
) -> None:
    app = create_app(
        load_settings({"GATEWAY_AUTH__ANONYMOUS": "true", "GATEWAY_CORS_ORIGINS": "https://listed.example"})
    )
    given = {"host": "gateway.example", "origin": origin, "sec-fetch-site": fetch_site}
    headers = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/graphql",
        "query_string": b"",
        "headers": headers,
        "subprotocols": ["graphql-transport-ws"],
        "client": ("127.0.0.1", 1),
    }
    sent: list[Message] = []
    coming: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)

    assert (sent[0]["type"] == "websocket.close") is refused


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/nothing", "/oauth/logistics/login", "/ide/nothing"])
async def test_every_route_tells_browsers_to_be_careful(world: World, path: str) -> None:
    response = await world.client.get(f"{world.url}{path}")

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


async def test_the_endpoint_and_its_page_tell_browsers_to_be_careful(world: World) -> None:
    answer = await world.client.post(f"{world.url}/graphql", json={"query": "{ __typename }"})
    page = await world.client.get(f"{world.url}/graphql", headers={"accept": "text/html"})

    assert answer.headers["x-content-type-options"] == page.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1", True), ("a b", False), ("x" * 129, False), ("é", False)],
)
async def test_a_request_id_comes_back_unless_it_could_do_harm(world: World, given: str, kept: bool) -> None:
    response = await world.client.post(
        f"{world.url}/graphql", json={"query": "{ __typename }"}, headers={b"x-request-id": given.encode()}
    )

    assert (response.headers["x-request-id"] == given) is kept
    assert response.headers["x-request-id"]
