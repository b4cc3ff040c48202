"""Who a request is taken for, over real sockets."""

from collections.abc import AsyncIterator
from hashlib import sha256

import pytest

from gateway.auth.authentication import ApiKeys, Authentication, KeyHolders
from gateway.auth.callers import Caller
from gateway.auth.cookies import Cookies
from gateway.auth.credentials import MAX_CREDENTIAL_LENGTH, CallerCredentials
from gateway.http.cross_site import OwnOrigin
from resolvers.accounts import Account
from resolvers.errors import Unauthenticated
from tests.auth.issuer import Issuer, bearer, settings_for
from tests.world import UNCACHED, World, running_world

KEY, OTHER_KEY = "mobile-key-of-this-test", "partner-key-of-this-test"
QUERY = "{ smsApiVersion { majorVersion } upstreams { name } }"


def digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


KEYS = {
    "GATEWAY_AUTH__ANONYMOUS": "false",
    "GATEWAY_AUTH__API_KEYS__MOBILE": digest(KEY),
    "GATEWAY_AUTH__API_KEYS__PARTNER": digest(OTHER_KEY),
    "GATEWAY_AUTH__API_KEY_SCOPES__PARTNER": "deliveries:read, logistics:write",
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world({**UNCACHED, **KEYS}) as world:
        yield world


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY}"}, {"x-api-key": KEY}]
)
async def test_a_known_key_gets_in_with_all_rights_unless_told(world: World, headers: dict[str, str]) -> None:
    answer = await world.ask(QUERY, headers=headers)

    assert answer.data["smsApiVersion"]["majorVersion"] > 0


async def test_a_key_with_scopes_has_those_alone(world: World) -> None:
    answer = await world.ask(QUERY, headers={"x-api-key": OTHER_KEY})

    assert answer.codes == {"smsApiVersion": "FORBIDDEN"}


WRONG = [
    {"authorization": "Bearer wrong"},
    {"authorization": f"Bearer {KEY}x"},
    {"authorization": f"Bearer {digest(KEY)}"},
    {"authorization": "Bearer"},
    {"authorization": ""},
    {"authorization": f"Token {KEY}"},
    {"authorization": KEY},
    {"authorization": "Bearer gws_unknown"},
    {"authorization": "Bearer a.b.c"},
    {"authorization": f"Bearer {'x' * MAX_CREDENTIAL_LENGTH}"},
    {"x-api-key": "wrong"},
    {"x-api-key": ""},
    {"x-api-key": f"Bearer {KEY}"},
    {"x-api-key": KEY, "authorization": f"Bearer {OTHER_KEY}"},
    {"cookie": "gateway_session=gws_unknown"},
    {"cookie": "__Host-gateway_session=gws_unknown", "x-api-key": KEY},
]


@pytest.mark.parametrize("anonymous", ["false", "true"])
async def test_wrong_credentials_are_refused_even_where_anonymous_callers_get_in(anonymous: str) -> None:
    async with running_world({**UNCACHED, **KEYS, "GATEWAY_AUTH__ANONYMOUS": anonymous}) as world:
        for headers in WRONG:
            answer = await world.ask(QUERY, headers=headers)

            assert (headers, answer.status, answer.codes) == (headers, 401, {"": "UNAUTHENTICATED"})
            assert answer.headers["www-authenticate"] == "Bearer"
            assert world.requests == []


async def test_anonymous_callers_get_in_where_the_settings_say_so() -> None:
    async with running_world({**KEYS, "GATEWAY_AUTH__ANONYMOUS": "true"}) as world:
        answer = await world.ask(QUERY, headers={"cookie": "theme=dark"})

    assert answer.data["smsApiVersion"] is not None


async def test_missing_credentials_are_refused_with_what_to_send(world: World) -> None:
    answer = await world.ask(QUERY)

    assert answer.status == 401
    assert answer.codes == {"": "UNAUTHENTICATED"}
    assert "Authorization: Bearer" in answer.json["errors"][0]["message"]


async def test_a_header_that_comes_twice_is_refused(world: World) -> None:
    headers = [("x-api-key", KEY), ("x-api-key", OTHER_KEY)]

    response = await world.client.post(f"{world.url}/graphql", json={"query": QUERY}, headers=headers)

    assert response.status_code == 401


async def test_a_key_of_many_is_found_wherever_it_stands() -> None:
    callers = {digest(f"key {number}"): Caller(f"key:{number}", Account("own")) for number in range(5)}

    found = [ApiKeys(callers).find(f"key {number}") for number in range(6)]

    assert [caller.name if caller else None for caller in found] == [*(f"key:{number}" for number in range(5)), None]


def test_every_known_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    callers = {digest(f"key {number}"): Caller(f"key:{number}", Account("own")) for number in range(5)}
    keys = ApiKeys(callers)

    def comparing(known: bytes, given: bytes) -> bool:
        compared.append((known, given))
        return known == given

    monkeypatch.setattr("gateway.auth.authentication.compare_digest", comparing)
    keys.find("key 0")

    assert compared == [(bytes.fromhex(known), sha256(b"key 0").digest()) for known in callers]


def test_credentials_are_not_printed() -> None:
    assert repr(CallerCredentials(key=KEY, session="gws_x")) == "<CallerCredentials>"


async def test_a_jwt_gets_in_as_a_bearer_token_and_not_as_an_api_key(issuer: Issuer) -> None:
    token = issuer.token(scope="sms:read")
    async with running_world(settings_for(issuer)) as world:
        right = await world.ask(QUERY, headers=bearer(token))
        wrong = await world.ask(QUERY, headers={"x-api-key": token})

    assert right.data["smsApiVersion"] is not None
    assert wrong.status == 401


async def test_a_caller_of_an_unreachable_issuer_is_told_to_come_again(issuer: Issuer) -> None:
    issuer.publish(status=503)
    async with running_world(settings_for(issuer)) as world:
        answer = await world.ask(QUERY, headers=bearer(issuer.token()))

    assert answer.status == 401
    assert answer.json["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "retryable": True, "retryAfter": 10.0}


def socket_scope(**headers: str) -> dict[str, object]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "websocket", "scheme": "ws", "headers": [(b"host", b"127.0.0.1:8000"), *pairs]}


@pytest.fixture
def authentication() -> Authentication:
    own = Account("own")
    keys = ApiKeys({digest(KEY): Caller("key:mobile", own), digest(OTHER_KEY): Caller("key:partner", own)})
    return Authentication(KeyHolders(keys), Cookies(OwnOrigin()))


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"authorization": f"Bearer {KEY}"}, "key:mobile"),
        (None, "key:partner"),
        ({}, "key:partner"),
        ({"authorization": None}, "key:partner"),
        ({"Authorization": "Basic b3BzOnNlY3JldA=="}, "key:partner"),
        ({"headers": {"authorization": f"Bearer {KEY}"}}, "key:mobile"),
        ({"x-api-key": OTHER_KEY}, "key:partner"),
    ],
)
async def test_a_socket_is_known_by_its_payload_and_else_by_its_headers(
    authentication: Authentication, payload: dict[str, object] | None, name: str
) -> None:
    caller = await authentication.socket(socket_scope(authorization=f"Bearer {OTHER_KEY}"), payload)

    assert caller.name == name


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({}, None),
        ({}, {}),
        ({}, {"authorization": ""}),
        ({}, {"authorization": 7}),
        ({}, {"authorization": ["Bearer", KEY]}),
        ({}, {"authorization": KEY}),
        ({}, {"authorization": "Bearer wrong"}),
        ({"authorization": f"Bearer {KEY}"}, {"authorization": "Bearer wrong"}),
        ({"x_api_key": KEY}, {"authorization": f"Bearer {OTHER_KEY}"}),
        ({"authorization": f"Bearer {OTHER_KEY}"}, {"x-api-key": KEY}),
        ({"authorization": "Bearer wrong"}, {"x-api-key": KEY}),
        ({"authorization": f"Bearer {KEY}", "x_api_key": OTHER_KEY}, {}),
    ],
)
async def test_a_socket_with_wrong_or_no_credentials_is_refused(
    authentication: Authentication, headers: dict[str, str], payload: dict[str, object] | None
) -> None:
    with pytest.raises(Unauthenticated):
        await authentication.socket(socket_scope(**headers), payload)
