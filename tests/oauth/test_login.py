"""Logging in by the consent page and by single sign-on, and every way to get in that must not work."""

from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.sandbox.faults import FaultSettings
from tests.oauth.gateways import (
    CALLBACK,
    LOGIN,
    NAVIGATION,
    OPTIONS,
    SESSION,
    TASKS,
    Browser,
    Gateway,
    codes,
)


async def test_a_person_logs_in_and_sees_tasks_by_an_account_of_their_own(gateway: Gateway, browser: Browser) -> None:
    before = await browser.ask()
    welcome = await browser.log_in()
    after = await browser.ask()

    assert codes(before) == ["UPSTREAM_AUTH"]
    assert welcome.status_code == 200
    assert "You are logged in" in welcome.text
    assert len(after["data"]["logisticsTasks"]["nodes"]) == 1
    assert gateway.asked("/oauth2/token") == 1


async def test_the_login_leads_to_the_consent_page_with_all_that_it_wants(gateway: Gateway, browser: Browser) -> None:
    response = await browser.http.get(LOGIN)

    location = urlsplit(response.headers["location"])
    assert location.path == "/oauth2/auth"
    query = {name: values[0] for name, values in parse_qs(location.query).items()}
    assert query.keys() == {"client_key", "redirect_url", "state"}
    assert query["client_key"] == OPTIONS.client_key
    assert query["redirect_url"] == f"{gateway.url}{CALLBACK}"
    assert OPTIONS.secret_key not in response.headers["location"]
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_the_session_cookie_is_shown_to_no_script_and_to_no_other_site(browser: Browser) -> None:
    welcome = await browser.log_in()

    cookie = SimpleCookie(welcome.headers.get_list("set-cookie")[0])["gateway_session"]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""


async def test_away_from_this_machine_cookies_are_secure_and_bound_to_the_host(browser: Browser) -> None:
    host = {"host": "gateway.example"}
    started = await browser.http.get(LOGIN, headers=host)
    login_cookie = started.headers["set-cookie"]
    state = parse_qs(urlsplit(started.headers["location"]).query)["state"][0]

    welcome = await browser.http.get(
        CALLBACK,
        params={"code": browser.logistics.credentials.issue_code(), "state": state},
        headers={**host, "cookie": login_cookie.partition(";")[0]},
    )

    session_cookie = welcome.headers.get_list("set-cookie")[0]
    for cookie, name in ((login_cookie, "__Host-gateway_login="), (session_cookie, "__Host-gateway_session=")):
        assert cookie.startswith(name)
        assert "; Path=/; Secure" in cookie


async def test_a_plain_cookie_is_not_believed_away_from_this_machine(browser: Browser) -> None:
    await browser.log_in()
    token = browser.http.cookies["gateway_session"]

    here = await browser.ask()
    away = await browser.ask(host="gateway.example", cookie=f"gateway_session={token}")

    assert "errors" not in here
    assert codes(away) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("path", ["/graphql", "/ide/?x=1&y=2#z", "/"])
async def test_the_browser_returns_to_where_it_came_from(browser: Browser, path: str) -> None:
    welcome = await browser.log_in(return_to=path)

    assert welcome.status_code == 303
    assert welcome.headers["location"] == path


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " /graphql",
        "graphql",
        "javascript:alert(1)",
        "/é",
        "",
        "/" + "a" * 2000,
    ],
)
async def test_a_login_never_ends_at_another_site(browser: Browser, path: str) -> None:
    response = await browser.http.get(LOGIN, params={"return_to": path})

    assert response.status_code == 400
    assert "location" not in response.headers
    assert "set-cookie" not in response.headers


async def test_a_state_that_was_used_is_refused(gateway: Gateway, browser: Browser) -> None:
    state = await browser.start_login()
    cookie = browser.http.cookies["gateway_login"]
    await browser.come_back(state)

    replayed = await browser.http.get(
        CALLBACK,
        params={"state": state, "code": gateway.logistics.credentials.issue_code()},
        headers={"cookie": f"gateway_login={cookie}"},
    )

    assert replayed.status_code == 400
    assert "completed before" in replayed.text
    assert gateway.asked("/oauth2/token") == 1


async def test_a_state_that_is_older_than_ten_minutes_is_refused(gateway: Gateway, browser: Browser) -> None:
    state = await browser.start_login()
    gateway.clock.advance(601)

    late = await browser.come_back(state)

    assert late.status_code == 400
    assert "ten minutes" in late.text
    assert gateway.asked("/oauth2/token") == 0


async def test_a_login_begun_in_another_browser_is_refused(gateway: Gateway, browser: Browser) -> None:
    state = await browser.start_login()
    async with gateway.browser() as victim:
        without_cookie = await victim.come_back(state)
        await victim.start_login()
        with_own_cookie = await victim.come_back(state)

        assert "gateway_session" not in victim.http.cookies

    assert [without_cookie.status_code, with_own_cookie.status_code] == [400, 400]
    assert gateway.asked("/oauth2/token") == 0


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAABmade-up", "é"])
async def test_a_made_up_login_cookie_is_refused(gateway: Gateway, browser: Browser, cookie: str) -> None:
    state = await browser.start_login()
    headers = {"cookie": f"gateway_login={cookie}".encode()}

    response = await browser.http.get(CALLBACK, params={"state": state, "code": "c"}, headers=headers)  # type: ignore[arg-type] # bytes, for what is no ASCII

    assert response.status_code == 400
    assert gateway.asked("/oauth2/token") == 0


async def test_a_session_cookie_is_no_login_cookie(gateway: Gateway, browser: Browser) -> None:
    await browser.log_in()
    token = browser.http.cookies["gateway_session"]
    headers = {"cookie": f"gateway_login={token}"}

    response = await browser.http.get(CALLBACK, params={"state": token, "code": "c"}, headers=headers)

    assert response.status_code == 400
    assert gateway.asked("/oauth2/token") == 1


async def test_a_consent_that_was_denied_logs_nobody_in(gateway: Gateway, browser: Browser) -> None:
    state = await browser.start_login()

    denied = await browser.come_back(state, error="access_denied<script>")

    assert denied.status_code == 400
    assert denied.headers["content-type"].startswith("text/html")
    assert "did not give your consent" in denied.text
    assert "<script>" not in denied.text
    assert gateway.asked("/oauth2/token") == 0
    assert "gateway_session" not in browser.http.cookies


@pytest.mark.parametrize("code", ["", "made-up", "x" * 4000])
async def test_a_code_that_is_worth_nothing_logs_nobody_in(browser: Browser, code: str) -> None:
    response = await browser.come_back(await browser.start_login(), code=code)

    assert response.status_code == 400
    assert "gateway_session" not in browser.http.cookies
    assert code == "" or code not in response.text


async def test_a_logistics_api_that_fails_is_told_from_a_login_that_is_wrong(
    gateway: Gateway, browser: Browser
) -> None:
    state = await browser.start_login()
    gateway.logistics.faults.settings = FaultSettings(nonsense="html")

    response = await browser.come_back(state)

    assert response.status_code == 502
    assert "try again later" in response.text


async def test_a_phone_gets_the_token_and_no_cookie(gateway: Gateway, browser: Browser) -> None:
    welcome = await browser.log_in(token="1")

    told = welcome.json()
    assert told["tokenType"] == "Bearer"
    assert "gateway_session" not in browser.http.cookies
    async with gateway.browser() as phone:
        answer = await phone.ask(authorization=f"Bearer {told['token']}")
        assert "errors" not in answer


@pytest.mark.parametrize("token", [False, True])
async def test_a_single_sign_on_opens_a_session(gateway: Gateway, browser: Browser, token: bool) -> None:
    session_id = gateway.logistics.credentials.issue_session()

    opened = await browser.http.post(SESSION, params={"token": "1"} if token else {}, json={"session_id": session_id})
    again = await browser.http.post(SESSION, json={"session_id": session_id})
    headers = {"authorization": f"Bearer {opened.json()['token']}"} if token else {}
    answer = await browser.ask(TASKS, **headers)

    assert [opened.status_code, again.status_code] == [201, 400]
    assert ("gateway_session" in browser.http.cookies) is not token
    assert "errors" not in answer


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, NAVIGATION])
async def test_another_site_cannot_make_a_browser_sign_on(
    gateway: Gateway, browser: Browser, headers: dict[str, str]
) -> None:
    body = {"session_id": gateway.logistics.credentials.issue_session()}

    response = await browser.http.post(SESSION, json=body, headers=headers)

    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert gateway.asked("/platform/sso/token") == 0


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_form_cannot_sign_on(gateway: Gateway, browser: Browser, media_type: str) -> None:
    response = await browser.http.post(SESSION, content=b'{"session_id": "x"}', headers={"content-type": media_type})

    assert response.status_code == 415
    assert gateway.asked("/platform/sso/token") == 0


@pytest.mark.parametrize("body", [b"", b"[]", b'{"session_id": 7}', b"{" * 1000, b'{"session_id": "\xff"}'])
async def test_a_body_without_a_session_id_is_refused(browser: Browser, body: bytes) -> None:
    response = await browser.http.post(SESSION, content=body, headers={"content-type": "application/json"})

    assert response.status_code == 400


async def test_a_large_body_is_refused(browser: Browser) -> None:
    response = await browser.http.post(SESSION, json={"session_id": "x" * 20_000})

    assert response.status_code == 413


@pytest.mark.parametrize("path", [LOGIN, CALLBACK])
async def test_another_site_may_link_to_a_login_but_not_embed_it(browser: Browser, path: str) -> None:
    linked = await browser.http.get(path, headers=NAVIGATION)
    embedded = await browser.http.get(path, headers={**NAVIGATION, "sec-fetch-dest": "iframe"})
    fetched = await browser.http.get(path, headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"})

    assert linked.status_code != 403
    assert [embedded.status_code, fetched.status_code] == [403, 403]
