"""What a session opens, who may see and end it, and that an ended one opens nothing."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.sandbox.clock import RunningClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.options import DeliveriesOptions
from gateway.sandbox.server import serving
from tests.oauth.gateways import SESSION, SESSIONS, TASKS, Browser, Gateway, codes, running_gateway
from tests.subscriptions.socket_client import initialized

KEY = "key-of-the-phone-app"
CLOSED = {
    "GATEWAY_AUTH__ANONYMOUS": "false",
    "GATEWAY_AUTH__API_KEYS__PHONE": sha256(KEY.encode()).hexdigest(),
    "GATEWAY_AUTH__API_KEYS__READER": sha256(b"reader").hexdigest(),
    "GATEWAY_AUTH__API_KEY_SCOPES__READER": "deliveries:read",
}
DELIVERIES = "{ deliveries(first: 1) { totalCount } }"
BOTH = "{ deliveries(first: 1) { totalCount } logisticsTasks(first: 1) { nodes { id } } }"


async def test_a_person_sees_their_sessions_without_what_opens_them(gateway: Gateway, browser: Browser) -> None:
    await browser.log_in()
    token = browser.http.cookies["gateway_session"]
    gateway.clock.advance(60)
    async with gateway.browser() as phone:
        told = (await phone.log_in(token="1")).json()
        listed = await phone.http.get(SESSIONS, headers={"authorization": f"Bearer {told['token']}"})

    sessions = listed.json()["sessions"]
    assert [session["current"] for session in sessions] == [False, True]
    assert sessions[1]["id"] == told["session"]["id"]
    assert sessions[0].keys() == {"id", "createdAt", "expiresAt", "current"}
    for secret in (token, told["token"]):
        assert secret not in listed.text
        assert sha256(secret.encode()).hexdigest() not in listed.text


async def test_a_revoked_session_opens_nothing_from_then_on(gateway: Gateway, browser: Browser) -> None:
    await browser.log_in()
    token = browser.http.cookies["gateway_session"]
    assert "errors" not in await browser.ask()

    revoked = await browser.http.delete(f"{SESSIONS}/current")

    assert revoked.status_code == 204
    assert "gateway_session" not in browser.http.cookies
    async with gateway.browser() as thief:
        answer = await thief.ask(authorization=f"Bearer {token}")
        listed = await thief.http.get(SESSIONS, headers={"authorization": f"Bearer {token}"})
    assert codes(answer) == ["UNAUTHENTICATED"]
    assert listed.status_code == 401


async def test_one_session_of_several_is_revoked_by_its_id(gateway: Gateway, browser: Browser) -> None:
    await browser.log_in()
    async with gateway.browser() as lost_phone:
        await lost_phone.log_in()
        sessions = (await browser.http.get(SESSIONS)).json()["sessions"]
        (other,) = (session["id"] for session in sessions if not session["current"])

        revoked = await browser.http.delete(f"{SESSIONS}/{other}")

        assert revoked.status_code == 204
        assert codes(await lost_phone.ask()) == ["UNAUTHENTICATED"]
    assert "errors" not in await browser.ask()


async def test_all_sessions_of_a_person_are_revoked_at_once(gateway: Gateway, browser: Browser) -> None:
    await browser.log_in()
    async with gateway.browser() as other:
        await other.log_in()

        revoked = await browser.http.delete(SESSIONS)

        assert revoked.status_code == 204
        assert codes(await other.ask()) == ["UNAUTHENTICATED"]


async def test_a_session_that_is_not_one_s_own_cannot_be_revoked(browser: Browser) -> None:
    await browser.log_in()

    response = await browser.http.delete(f"{SESSIONS}/0123456789abcdef01234567")

    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_sessions_are_shown_to_nobody_without_one(browser: Browser, method: str) -> None:
    response = await browser.http.request(method, SESSIONS)

    assert response.status_code == 401


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_another_site_cannot_use_a_session(browser: Browser, headers: dict[str, str]) -> None:
    await browser.log_in()

    responses = [
        await browser.http.get(SESSIONS, headers=headers),
        await browser.http.delete(SESSIONS, headers=headers),
        await browser.http.delete(f"{SESSIONS}/current", headers=headers),
        await browser.http.post("/graphql", json={"query": TASKS}, headers=headers),
        await browser.http.get("/graphql", params={"query": TASKS}, headers=headers),
    ]

    assert [response.status_code for response in responses] == [403] * 5
    assert "errors" not in await browser.ask()


async def test_a_session_ends_at_its_time(tmp_path: Path) -> None:
    settings = {"GATEWAY_SESSIONS__LIFETIME_SECONDS": "3600"}
    async with running_gateway(tmp_path, settings) as gateway, gateway.browser() as browser:
        told = (await browser.log_in(token="1")).json()
        headers = {"authorization": f"Bearer {told['token']}"}
        gateway.clock.advance(3599)
        in_time = await browser.ask(**headers)
        gateway.clock.advance(1)
        late = await browser.ask(**headers)

    assert "errors" not in in_time
    assert codes(late) == ["UNAUTHENTICATED"]


async def test_a_logistics_account_alone_opens_no_other_upstream(tmp_path: Path) -> None:
    async with (
        serving(create_deliveries(RunningClock(speed=1)).app) as deliveries,
        running_gateway(tmp_path, {**CLOSED, **delivery_settings(deliveries)}) as gateway,
        gateway.browser() as stranger,
    ):
        before = await stranger.ask(BOTH)
        await stranger.log_in()
        alone = await stranger.ask(BOTH)
        with_key = await stranger.ask(BOTH, **{"x-api-key": KEY})
        with_limited_key = await stranger.ask(BOTH, **{"x-api-key": "reader"})
        with_wrong_key = await stranger.ask(BOTH, **{"x-api-key": "wrong"})

    assert codes(before) == ["UNAUTHENTICATED"]
    assert codes(alone) == ["FORBIDDEN"]
    assert alone["data"]["deliveries"] is None
    assert len(alone["data"]["logisticsTasks"]["nodes"]) == 1
    assert "errors" not in with_key
    assert codes(with_limited_key) == ["FORBIDDEN"]
    assert with_limited_key["data"]["logisticsTasks"] is None
    assert codes(with_wrong_key) == ["UNAUTHENTICATED"]


async def test_without_the_session_a_key_has_the_gateway_s_own_logistics_account(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, CLOSED) as gateway, gateway.browser() as phone:
        session = {"session_id": gateway.logistics.credentials.issue_session()}
        told = (await phone.http.post(SESSION, params={"token": "1"}, json=session)).json()

        own = await phone.ask(**{"x-api-key": KEY})
        with_session = await phone.ask(**{"x-api-key": KEY, "authorization": f"Bearer {told['token']}"})

    assert codes(own) == ["UPSTREAM_AUTH"]
    assert "errors" not in with_session


def delivery_settings(url: str) -> dict[str, str]:
    options = DeliveriesOptions()
    return {
        "GATEWAY_DELIVERIES__URL": f"{url}/api/v1",
        "GATEWAY_DELIVERIES__EMAIL": options.email,
        "GATEWAY_DELIVERIES__PASSWORD": options.password,
    }


async def test_a_web_socket_makes_no_more_calls_once_its_session_is_revoked(gateway: Gateway, browser: Browser) -> None:
    token = (await browser.log_in(token="1")).json()["token"]
    bearer = f"Bearer {token}"
    async with initialized(urlsplit(gateway.url).port or 0, authorization=bearer) as socket:
        await socket.say("subscribe", "1", query=TASKS)
        before, _ = await socket.hear(), await socket.hear()
        await browser.http.delete(f"{SESSIONS}/current", headers={"authorization": bearer})
        gateway.logistics.requests.clear()
        await socket.say("subscribe", "2", query=TASKS)
        after = await socket.hear()

    assert before["payload"]["data"]["logisticsTasks"]["nodes"]
    assert codes(after["payload"]) == ["UPSTREAM_AUTH"]
    assert len(gateway.logistics.requests) == 0


async def test_a_person_has_one_budget_in_however_many_sessions(tmp_path: Path) -> None:
    async with (
        running_gateway(tmp_path, {"GATEWAY_AUTH__CALLS_PER_MINUTE": "3"}) as gateway,
        gateway.browser() as laptop,
        gateway.browser() as phone,
        gateway.browser() as stranger,
    ):
        await laptop.log_in()
        await phone.log_in()
        answers = [await laptop.ask(), await phone.ask(), await laptop.ask(), await phone.ask()]
        unknown = await stranger.ask()

    assert [codes(answer) for answer in answers] == [[], [], [], ["RATE_LIMITED"]]
    assert codes(unknown) == ["UPSTREAM_AUTH"]
