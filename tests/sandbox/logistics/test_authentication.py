"""Tokens, codes, sessions, consent and the partner's signature."""

import base64
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from gateway.sandbox.options import LogisticsOptions
from tests.sandbox.logistics.server import OPTIONS, LogisticsServer, logistics_server

CLIENT = {"client_key": OPTIONS.client_key, "secret_key": OPTIONS.secret_key}
REDIRECT = "http://127.0.0.1:9/callback?tenant=7"


async def consent(api: LogisticsServer, **query: str) -> httpx.Response:
    parameters = {"client_key": OPTIONS.client_key, "redirect_url": REDIRECT, "state": "s&1", **query}
    return await api.http.get("/oauth2/auth", params=parameters)


async def granted_code(api: LogisticsServer) -> str:
    location = (await consent(api, decision="allow")).headers["location"]
    return parse_qs(urlsplit(location).query)["code"][0]


async def list_with(api: LogisticsServer, token: str) -> httpx.Response:
    return await api.http.get("/platform/tasks?per_page=1", headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Bearer a.b.c", "Basic c2FuZGJveA=="])
async def test_a_request_without_a_good_bearer_token_is_refused_with_401(authorization: str) -> None:
    async with logistics_server() as api:
        answer = await api.http.get("/platform/tasks", headers={"authorization": authorization})

    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"


async def test_a_user_without_a_role_uses_the_partner_s_own_calls_and_no_platform_call() -> None:
    async with logistics_server() as api:
        task_id = (await api.tasks("broadcasting"))[0]["id"]
        headers = {"authorization": f"Bearer {OPTIONS.restricted_token}"}

        own = await api.http.get(f"/tasks/{task_id}", headers=headers)
        platform = await api.http.get(f"/platform/tasks/{task_id}", headers=headers)
        organizations = await api.http.get("/platform/organizations", headers=headers)

    assert own.status_code == 200
    assert [platform.status_code, organizations.status_code] == [403, 403]
    assert platform.json()["code"] == "forbidden"


async def test_a_code_is_exchanged_for_tokens_once() -> None:
    async with logistics_server() as api:
        code = await granted_code(api)

        first = await api.http.post("/oauth2/token", json={**CLIENT, "code": code})
        second = await api.http.post("/oauth2/token", json={**CLIENT, "code": code})
        listed = await list_with(api, first.json()["bearer_token"])

    assert first.json().keys() == {"bearer_token", "refresh_token", "server_time"}
    assert first.json()["bearer_token"].count(".") == 2
    assert second.status_code == 401
    assert listed.status_code == 200


async def test_a_code_cannot_be_exchanged_after_its_time() -> None:
    async with logistics_server() as api:
        code = await granted_code(api)
        api.clock.advance(OPTIONS.code_seconds)

        answer = await api.http.post("/oauth2/token", json={**CLIENT, "code": code})

    assert answer.status_code == 401


async def test_a_code_needs_the_partner_s_keys() -> None:
    async with logistics_server() as api:
        code = await granted_code(api)

        wrong_secret = await api.http.post("/oauth2/token", json={**CLIENT, "secret_key": "x", "code": code})
        wrong_client = await api.http.post("/oauth2/token", json={**CLIENT, "client_key": "x", "code": code})
        no_code = await api.http.post("/oauth2/token", json=CLIENT)

    assert [wrong_secret.status_code, wrong_client.status_code, no_code.status_code] == [401, 401, 422]


async def test_a_bearer_token_expires_by_the_clock_and_the_refresh_token_brings_another() -> None:
    async with logistics_server(LogisticsOptions(token_seconds=60)) as api:
        tokens = (await api.http.post("/oauth2/token", json={**CLIENT, "code": await granted_code(api)})).json()
        api.clock.advance(59)
        in_time = await list_with(api, tokens["bearer_token"])
        api.clock.advance(1)

        late = await list_with(api, tokens["bearer_token"])
        refresh = {"client_key": OPTIONS.client_key, "refresh_token": tokens["refresh_token"]}
        refreshed = (await api.http.post("/oauth2/refresh", json=refresh)).json()
        again = await list_with(api, refreshed["bearer_token"])

    assert [in_time.status_code, late.status_code, again.status_code] == [200, 401, 200]
    assert refreshed.keys() == {"bearer_token"}


async def test_the_sandbox_s_own_refresh_token_is_good_and_others_are_not() -> None:
    async with logistics_server() as api:
        good = {"client_key": OPTIONS.client_key, "refresh_token": OPTIONS.refresh_token}
        refreshed = await api.http.post("/oauth2/refresh", json=good)
        unknown = await api.http.post("/oauth2/refresh", json={**good, "refresh_token": "other"})

    assert refreshed.status_code == 200
    assert unknown.status_code == 401


async def test_the_consent_page_asks_and_escapes_what_it_was_given() -> None:
    async with logistics_server() as api:
        page = await consent(api, state='"><script>')

    assert page.status_code == 200
    assert 'value="allow"' in page.text
    assert 'value="deny"' in page.text
    assert "<script>" not in page.text


async def test_a_granted_consent_comes_back_with_code_and_state() -> None:
    async with logistics_server() as api:
        answer = await consent(api, decision="allow")

    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.status_code == 302
    assert query.keys() == {"tenant", "code", "state"}
    assert query["state"] == ["s&1"]


async def test_a_denied_consent_comes_back_with_an_error_and_state() -> None:
    async with logistics_server() as api:
        answer = await consent(api, decision="deny")

    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query == {"tenant": ["7"], "error": ["access_denied"], "state": ["s&1"]}


@pytest.mark.parametrize("query", [{"client_key": "other"}, {"redirect_url": ""}, {"redirect_url": "javascript:x"}])
async def test_a_consent_that_cannot_be_answered_is_refused(query: dict[str, str]) -> None:
    async with logistics_server() as api:
        answer = await consent(api, **query)

    assert answer.status_code == 400


async def test_a_session_is_exchanged_for_tokens_and_the_user_once() -> None:
    async with logistics_server() as api:
        session = {"session_id": api.simulator.credentials.issue_session()}

        first = await api.http.post("/platform/sso/token", json=session)
        second = await api.http.post("/platform/sso/token", json=session)
        listed = await list_with(api, first.json()["bearer_token"])

    assert first.json().keys() == {"bearer_token", "refresh_token", "user"}
    assert first.json()["user"].keys() == {"id", "email", "name", "roles", "org_id"}
    assert second.status_code == 401
    assert listed.status_code == 200


async def test_a_session_is_short_lived() -> None:
    async with logistics_server() as api:
        session = {"session_id": api.simulator.credentials.issue_session()}
        api.clock.advance(OPTIONS.session_seconds)

        answer = await api.http.post("/platform/sso/token", json=session)

    assert answer.status_code == 401


async def test_the_sign_on_page_holds_a_session_that_can_be_exchanged() -> None:
    async with logistics_server() as api:
        page = await api.http.get("/sso/login")
        session_id = page.text.split('id="session_id">')[1].split("<")[0]

        answer = await api.http.post("/platform/sso/token", json={"session_id": session_id})

    assert answer.status_code == 200


@pytest.mark.parametrize("safe", ["/=", ""])
async def test_the_partner_is_read_by_a_signature_with_slashes_plain_or_encoded(safe: str) -> None:
    options = LogisticsOptions(client_key="key???", secret_key="secret>>>?", webhook_url="https://example.com/hook")
    signature = base64.b64encode(b"key???:secret>>>?").decode()
    async with logistics_server(options) as api:
        answer = await api.http.get(f"/partners/{quote(signature, safe=safe)}", headers={"authorization": ""})

    assert "/" in signature
    assert answer.json() | {"id": "", "updated_by": ""} == {
        "id": "",
        "client_key": "key???",
        "secret_key": "secret>>>?",
        "webhook_url": "https://example.com/hook",
        "name": "Sandbox Partner",
        "created_at": "2024-01-15T02:30:00Z",
        "updated_by": "",
        "updated_at": "2024-01-15T02:30:00Z",
    }


@pytest.mark.parametrize("signature", ["c2FuZGJveC1jbGllbnQta2V5Ondyb25n", "!!!", "é"])
async def test_a_wrong_signature_is_refused_with_401(signature: str) -> None:
    async with logistics_server() as api:
        answer = await api.http.get(f"/partners/{signature}")

    assert answer.status_code == 401


def test_the_options_show_no_secret() -> None:
    shown = repr(LogisticsOptions())

    assert OPTIONS.secret_key not in shown
    assert OPTIONS.token not in shown
    assert OPTIONS.refresh_token not in shown
