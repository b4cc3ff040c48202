"""In whatever form and transport a key comes, it is read: a right one lets in, a wrong one keeps out."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.oauth.gateways import SESSIONS, Gateway, running_gateway
from tests.subscriptions.socket_client import NEW, OLD, Client, connected
from tests.subscriptions.stream_client import MULTIPART, SSE

KEY, OTHER_KEY, WRONG_KEY = "mobile-key-of-this-test", "partner-key-of-this-test", "a-key-that-nobody-has"
KEYS = {
    "GATEWAY_AUTH__API_KEYS__MOBILE": sha256(KEY.encode()).hexdigest(),
    "GATEWAY_AUTH__API_KEYS__PARTNER": sha256(OTHER_KEY.encode()).hexdigest(),
}
QUERY = "{ upstreams { name } }"
UNKNOWN = "Check that the key or token is complete and meant for this gateway: it is not known here."
WANTED = (
    "Send `Authorization: Bearer` and a key or token (no other scheme), or X-API-Key, in headers or connection_init."
)
OF_A_PROXY = [
    "Basic b3BzOnNlY3JldA==",
    "basic b3BzOnNlY3JldA==",
    "Basic",
    'Digest username="ops"',
    "Negotiate YII",
    "NTLM T",
]
NO_CREDENTIALS: Final[list[Mapping[str, object]]] = [
    {},
    {"authorization": None},
    {"headers": None},
    {"headers": {}},
    {"headers": []},
    {"headers": {"Authorization": None, "x-trace": ["a"]}},
    {"token": WRONG_KEY, "locale": "de"},
    *[{"Authorization": value} for value in OF_A_PROXY],
    {"headers": {"authorization": OF_A_PROXY[0]}},
]


def forms(key: str) -> list[dict[str, object]]:
    """A payload for each way in which clients write a key."""
    bearers, names = ("Authorization", "authorization", "AUTHORIZATION"), ("X-API-Key", "x-api-key", "X-Api-Key")
    plain: list[dict[str, object]] = [{name: f"Bearer {key}"} for name in bearers]
    plain += [{name: key} for name in names]
    nested: list[dict[str, object]] = [{name: form} for form in plain for name in ("headers", "Headers")]
    return [*plain, *nested, {"Authorization": f"bearer  {key}", "headers": {"x-api-key": key, "a": 1}}]


@asynccontextmanager
async def gateway_with(directory: Path, anonymous: str) -> AsyncIterator[Gateway]:
    async with running_gateway(directory, {**KEYS, "GATEWAY_AUTH__ANONYMOUS": anonymous}) as gateway:
        yield gateway


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_with(tmp_path, "false") as gateway:
        yield gateway


@pytest.fixture
async def open_to_all(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_with(tmp_path, "true") as gateway:
        yield gateway


@asynccontextmanager
async def socket_to(gateway: Gateway, protocol: str, headers: dict[str, str] | None = None) -> AsyncIterator[Client]:
    async with connected(urlsplit(gateway.url).port or 0, protocol, headers=headers) as client:
        yield client


async def init(
    gateway: Gateway, protocol: str, payload: Mapping[str, object], headers: dict[str, str] | None = None
) -> tuple[int, str] | str:
    """What becomes of a `connection_init`: "in", or the close code and reason."""
    async with socket_to(gateway, protocol, headers) as client:
        await client.connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        try:
            while (await client.hear())["type"] != "connection_ack":
                pass
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else "cut"
        return "in"


async def over_http(gateway: Gateway, headers: Mapping[str, str]) -> dict[str, int]:
    """The status of each kind of request that reads credentials and opens nothing by a cookie."""
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:

        async def ask(method: str, accept: str) -> int:
            body = json.dumps({"query": QUERY}) if method == "POST" else None
            query = {"query": QUERY} if method == "GET" else None
            sent = {**headers, "accept": accept, "content-type": "application/json"}
            return (await http.request(method, "/graphql", params=query, content=body, headers=sent)).status_code

        return {
            "POST": await ask("POST", "*/*"),
            "GET": await ask("GET", "*/*"),
            "SSE": await ask("POST", SSE),
            "EventSource": await ask("GET", SSE),
            "multipart": await ask("POST", MULTIPART),
        }


EVERYWHERE = ("POST", "GET", "SSE", "EventSource", "multipart")
SESSION_REQUESTS = (
    ("GET", SESSIONS),
    ("DELETE", SESSIONS),
    ("DELETE", f"{SESSIONS}/current"),
    ("DELETE", f"{SESSIONS}/x"),
)
WRONG_HEADERS = [
    {"authorization": f"Bearer {WRONG_KEY}"},
    {"authorization": WRONG_KEY},
    {"authorization": f"Token {KEY}"},
    {"authorization": "Bearer"},
    {"x-api-key": WRONG_KEY},
    {"x-api-key": f"Bearer {KEY}"},
    {"authorization": f"Bearer {KEY}", "x-api-key": OTHER_KEY},
    {"authorization": f"Bearer {KEY}", "x-api-key": WRONG_KEY},
    {"authorization": OF_A_PROXY[0], "x-api-key": WRONG_KEY},
]


@pytest.mark.parametrize("protocol", [NEW, OLD])
async def test_connection_init_takes_a_key_in_each_form(closed: Gateway, protocol: str) -> None:
    for payload in forms(KEY):
        assert (payload, await init(closed, protocol, payload)) == (payload, "in")


@pytest.mark.parametrize("protocol", [NEW, OLD])
async def test_connection_init_refuses_a_wrong_key_in_each_form_though_anybody_may_come(
    open_to_all: Gateway, protocol: str
) -> None:
    for payload in forms(WRONG_KEY):
        assert (payload, await init(open_to_all, protocol, payload)) == (payload, (4403, UNKNOWN))


@pytest.mark.parametrize("protocol", [NEW, OLD])
async def test_what_is_no_credential_leaves_a_socket_anonymous(
    open_to_all: Gateway, closed: Gateway, protocol: str
) -> None:
    for payload in NO_CREDENTIALS:
        assert (payload, await init(open_to_all, protocol, payload)) == (payload, "in")
        assert (payload, await init(closed, protocol, payload)) == (payload, (4403, WANTED))
        assert (payload, await init(closed, protocol, payload, {"x-api-key": KEY})) == (payload, "in")


@pytest.mark.parametrize("protocol", [NEW, OLD])
@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": 7},
        {"headers": {"X-API-Key": ["k"]}},
        {"headers": "Authorization: Bearer k"},
        {"headers": [["x-api-key", "k"]]},
        {"authorization": ""},
        {"Authorization": f"Bearer {KEY}", "headers": {"Authorization": f"Bearer {OTHER_KEY}"}},
        {"Authorization": f"Bearer {KEY}", "authorization": f"Bearer {OTHER_KEY}"},
        {"Authorization": f"Bearer {KEY}", "X-API-Key": OTHER_KEY},
        {"x-api-key": KEY, "headers": {"x-api-key": OTHER_KEY}},
    ],
)
async def test_what_cannot_be_told_for_one_key_is_refused_though_anybody_may_come(
    open_to_all: Gateway, protocol: str, payload: Mapping[str, object]
) -> None:
    outcome = await init(open_to_all, protocol, payload)

    assert outcome[0] == 4403


@pytest.mark.parametrize("headers", WRONG_HEADERS)
async def test_a_wrong_key_is_refused_everywhere_though_anybody_may_come(
    open_to_all: Gateway, headers: dict[str, str]
) -> None:
    statuses = await over_http(open_to_all, headers)
    sockets = [(await init(open_to_all, protocol, {}, headers))[0] for protocol in (NEW, OLD)]

    assert statuses == dict.fromkeys(EVERYWHERE, 401)
    assert sockets == [4403, 4403]


@pytest.mark.parametrize("headers", WRONG_HEADERS)
async def test_a_wrong_key_beside_a_session_shows_and_ends_none(open_to_all: Gateway, headers: dict[str, str]) -> None:
    async with open_to_all.browser() as browser:
        await browser.log_in()
        answers = [await browser.http.request(*request, headers=headers) for request in SESSION_REQUESTS]
        left = await browser.http.get(SESSIONS)

    assert [answer.status_code for answer in answers] == [401] * len(answers)
    assert [answer.headers.get("set-cookie") for answer in answers] == [None] * len(answers)
    assert len(left.json()["sessions"]) == 1


@pytest.mark.parametrize("of_a_proxy", OF_A_PROXY)
async def test_what_a_proxy_in_front_asked_for_is_passed_over(
    open_to_all: Gateway, closed: Gateway, of_a_proxy: str
) -> None:
    alone, beside = {"authorization": of_a_proxy}, {"authorization": of_a_proxy, "x-api-key": KEY}

    for protocol in (NEW, OLD):
        assert await init(open_to_all, protocol, {}, alone) == "in"
        assert await init(closed, protocol, {}, beside) == "in"
        assert await init(closed, protocol, {"headers": {"authorization": f"Bearer {KEY}"}}, alone) == "in"
        assert await init(closed, protocol, {}, alone) == (4403, WANTED)
    assert await over_http(open_to_all, alone) == dict.fromkeys(EVERYWHERE, 200)
    assert await over_http(closed, beside) == dict.fromkeys(EVERYWHERE, 200)
    assert await over_http(closed, alone) == dict.fromkeys(EVERYWHERE, 401)


async def test_where_a_key_is_wanted_a_refusal_says_which_forms_are_taken(closed: Gateway) -> None:
    async with httpx.AsyncClient(base_url=closed.url, trust_env=False) as http:
        basic = {"authorization": OF_A_PROXY[0]}
        answers = [await http.post("/graphql", json={"query": QUERY}, headers=headers) for headers in ({}, basic)]

    assert [answer.json()["errors"][0]["message"] for answer in answers] == [WANTED, WANTED]


async def test_a_session_passes_over_what_a_proxy_asked_for(closed: Gateway) -> None:
    async with closed.browser() as browser:
        await browser.log_in()
        headers = {"authorization": OF_A_PROXY[0]}
        asked = await browser.ask(QUERY, **headers)
        listed = await browser.http.get(SESSIONS, headers=headers)
        ended = await browser.http.delete(f"{SESSIONS}/current", headers=headers)

    assert "errors" not in asked
    assert (listed.status_code, ended.status_code) == (200, 204)


async def test_a_ping_renews_by_a_key_in_each_form(closed: Gateway) -> None:
    for right, wrong in zip(forms(KEY), forms(WRONG_KEY), strict=True):
        async with socket_to(closed, NEW) as client:
            await client.say("connection_init", authorization=f"Bearer {KEY}")
            assert await client.hear() == {"type": "connection_ack"}
            await client.say("ping", **right)
            assert await client.hear() == {"type": "pong"}
            await client.say("ping", **wrong)

            assert (wrong, await client.closing()) == (wrong, (4403, UNKNOWN))


async def test_a_ping_without_credentials_is_only_answered(closed: Gateway) -> None:
    async with socket_to(closed, NEW) as client:
        await client.say("connection_init", authorization=f"Bearer {KEY}")
        assert await client.hear() == {"type": "connection_ack"}

        for payload in NO_CREDENTIALS:
            await client.say("ping", **payload)
            assert await client.hear() == {"type": "pong"}


async def test_the_older_protocol_renews_by_another_connection_init(closed: Gateway) -> None:
    async with socket_to(closed, OLD) as client:
        for payload in forms(KEY):
            await client.say("connection_init", **payload)
            assert await client.hear() == {"type": "connection_ack"}
        await client.say("connection_init", **forms(OTHER_KEY)[0])

        assert (await client.closing())[0] == 4403


async def test_a_cookie_that_opens_nothing_is_an_error_beside_a_good_key(open_to_all: Gateway) -> None:
    key = {"x-api-key": KEY}
    for cookie in ("gateway_session=gws_unknown", "gateway_session=", "gateway_session=a; gateway_session=b"):
        headers = {**key, "cookie": cookie}
        sockets = [(await init(open_to_all, protocol, key, {"cookie": cookie}))[0] for protocol in (NEW, OLD)]

        assert (cookie, await over_http(open_to_all, headers)) == (cookie, dict.fromkeys(EVERYWHERE, 401))
        assert (cookie, sockets) == (cookie, [4403, 4403])


async def test_two_sessions_are_refused_and_one_shown_twice_is_not(open_to_all: Gateway) -> None:
    async with open_to_all.browser() as browser, open_to_all.browser() as other:
        await browser.log_in()
        await other.log_in()
        own, others = browser.http.cookies["gateway_session"], other.http.cookies["gateway_session"]
        same = await browser.http.get(SESSIONS, headers={"authorization": f"Bearer {own}"})
        both = await browser.http.delete(f"{SESSIONS}/current", headers={"authorization": f"Bearer {others}"})
        asked = await over_http(open_to_all, {"cookie": f"gateway_session={own}", "authorization": f"Bearer {others}"})
        left = await browser.http.get(SESSIONS)

    assert (same.status_code, both.status_code) == (200, 401)
    assert asked == dict.fromkeys(EVERYWHERE, 401)
    assert len(left.json()["sessions"]) == 2


@pytest.mark.parametrize("cookie", ["gateway_session=gws_unknown", "gateway_session="])
async def test_a_cookie_that_opens_nothing_can_be_deleted(open_to_all: Gateway, cookie: str) -> None:
    async with httpx.AsyncClient(base_url=open_to_all.url, trust_env=False) as http:
        place = f"{SESSIONS}/current"
        alone = await http.delete(place, headers={"cookie": cookie})
        beside_a_key = await http.delete(place, headers={"cookie": cookie, "x-api-key": KEY})
        beside_a_wrong_key = await http.delete(place, headers={"cookie": cookie, "x-api-key": WRONG_KEY})
        beside_a_wrong_token = await http.delete(place, headers={"cookie": cookie, "authorization": "Bearer gws_x"})
        none = await http.delete(place, headers={"cookie": "theme=dark"})

    assert [alone.status_code, beside_a_key.status_code] == [204, 204]
    assert [one.status_code for one in (beside_a_wrong_key, beside_a_wrong_token, none)] == [401, 401, 401]
