"""Logins for apps of listed origins, by redirect and in a popup, and what a cookie that is not ours may not do."""

import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.oauth.gateways import CALLBACK, LOGIN, SESSIONS, Browser, Gateway, codes, running_gateway
from tests.subscriptions.socket_client import NEW, connected

APP = "https://app.example.com"
KEY = "key-of-the-phone-app"
LISTING = {
    "GATEWAY_CORS_ORIGINS": f"{APP},capacitor://localhost",
    "GATEWAY_AUTH__API_KEYS__PHONE": sha256(KEY.encode()).hexdigest(),
}
PUBLIC = {"GATEWAY_PUBLIC_URL": "https://gw.example"}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path, LISTING) as gateway:
        yield gateway


def message_in(page: httpx.Response) -> tuple[dict[str, object], str]:
    """What a popup's page sends to its opener, and to which origin."""
    found = re.search(r"window\.opener\.postMessage\((\{.*\}), (\".*?\")\);", page.text)
    assert found is not None
    return json.loads(found[1]), json.loads(found[2])


@pytest.mark.parametrize("url", [f"{APP}/tasks?tab=1#top", APP, "capacitor://localhost/tasks", f"{APP}:443/x"])
async def test_a_login_returns_to_a_page_of_a_listed_origin(browser: Browser, url: str) -> None:
    welcome = await browser.log_in(return_to=url)

    assert (welcome.status_code, welcome.headers["location"]) == (303, url)
    assert "errors" not in await browser.ask()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        f"{APP}.evil.example/",
        f"https://evil.example/?{APP}/",
        f"https://evil.example#{APP}",
        f"{APP}@evil.example/",
        f"https://user@{APP.removeprefix('https://')}/",
        f"{APP}\\@evil.example/",
        f"{APP}:444/",
        "http://app.example.com/",
        f"{APP}/ x",
        f"{APP}/é",
        "javascript://app.example.com/%0aalert(1)",
        f"data:text/html,{APP}",
        f"{APP}/" + "a" * 2000,
    ],
)
async def test_a_login_returns_to_no_other_site(browser: Browser, url: str) -> None:
    response = await browser.http.get(LOGIN, params={"return_to": url})

    assert response.status_code == 400
    assert "location" not in response.headers


@pytest.mark.parametrize("token", [False, True])
async def test_a_popup_tells_its_opener_and_nobody_else(browser: Browser, token: bool) -> None:
    welcome = await browser.log_in(opener=APP, **({"token": "1"} if token else {}))

    message, origin = message_in(welcome)
    assert (welcome.status_code, origin, message["type"]) == (200, APP, "gateway-login")
    assert ("token" in message) is token
    assert ("gateway_session" in browser.http.cookies) is not token
    nonce = re.search(r'<script nonce="([\w-]+)">', welcome.text)
    assert nonce is not None
    assert f"script-src 'nonce-{nonce[1]}'" in welcome.headers["content-security-policy"]
    assert "unsafe" not in welcome.headers["content-security-policy"]


async def test_a_popup_tells_its_opener_what_went_wrong(gateway: Gateway, browser: Browser) -> None:
    state = await browser.start_login(opener=APP)

    denied = await browser.come_back(state, error="</script><script>alert(1)</script>")

    message, origin = message_in(denied)
    assert (denied.status_code, origin) == (400, APP)
    assert message["error"] == {
        "code": "BAD_INPUT",
        "message": "You did not give your consent, so nobody was logged in.",
    }
    assert denied.text.count("<script") == 1
    assert gateway.asked("/oauth2/token") == 0


@pytest.mark.parametrize("opener", ["https://evil.example", "*", "null", f"{APP}/path", ""])
async def test_no_other_page_can_have_the_result(browser: Browser, opener: str) -> None:
    response = await browser.http.get(LOGIN, params={"opener": opener})

    assert response.status_code == 400
    assert "set-cookie" not in response.headers


async def test_a_page_of_a_listed_origin_may_log_out(browser: Browser) -> None:
    await browser.log_in()
    asked = {
        "origin": APP,
        "sec-fetch-site": "cross-site",
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "x-requested-with",
    }

    preflight = await browser.http.request("OPTIONS", f"{SESSIONS}/current", headers=asked)
    ended = await browser.http.delete(f"{SESSIONS}/current", headers={"origin": APP})

    assert preflight.status_code == 204
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "x-requested-with"
    assert (ended.status_code, ended.headers["access-control-allow-origin"]) == (204, APP)
    assert "gateway_session" not in browser.http.cookies


@pytest.mark.parametrize("headers", [{}, {"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
@pytest.mark.parametrize(
    "cookie", ["gateway_session=gws_of-another-gateway", "gateway_session=", "a=b; gateway_session=x"]
)
async def test_a_broken_session_cookie_is_an_error_and_no_way_to_another_account(
    browser: Browser, headers: dict[str, str], cookie: str
) -> None:
    answer = await browser.ask("{ upstreams { state } }", cookie=cookie, **headers)

    assert codes(answer) == ["UNAUTHENTICATED"]


async def test_a_cookie_that_opens_nothing_can_be_deleted(browser: Browser) -> None:
    ended = await browser.http.delete(f"{SESSIONS}/current", headers={"cookie": "gateway_session=gws_gone"})
    without = await browser.http.delete(f"{SESSIONS}/current")

    assert ended.status_code == 204
    assert ended.headers["set-cookie"].startswith("gateway_session=; ")
    assert without.status_code == 401


async def test_other_cookies_of_the_site_do_not_log_anybody_out(browser: Browser) -> None:
    state = await browser.start_login()
    login = browser.http.cookies["gateway_login"]
    odd = 'theme=dark mode; prefs={"a":[1]}; filter[x]=1'
    welcome = await browser.http.get(
        CALLBACK,
        params={"state": state, "code": browser.logistics.credentials.issue_code()},
        headers={"cookie": f"{odd}; gateway_login={login}"},
    )
    token = browser.http.cookies["gateway_session"]

    answer = await browser.ask(cookie=f"{odd}; gateway_session={token}")

    assert welcome.status_code == 200
    assert "errors" not in answer


@pytest.mark.parametrize(
    "seen_by_the_gateway",
    [{"host": "127.0.0.1:8000"}, {"host": "gateway", "x-forwarded-proto": "http"}, {"host": "gw.example"}],
)
async def test_behind_a_proxy_the_public_url_decides(tmp_path: Path, seen_by_the_gateway: dict[str, str]) -> None:
    async with running_gateway(tmp_path, PUBLIC) as gateway, gateway.browser() as browser:
        started = await browser.http.get(LOGIN, headers=seen_by_the_gateway)
        query = parse_qs(urlsplit(started.headers["location"]).query)
        cookie = started.headers["set-cookie"].partition(";")[0]
        welcome = await browser.http.get(
            CALLBACK,
            params={"code": browser.logistics.credentials.issue_code(), "state": query["state"][0]},
            headers={**seen_by_the_gateway, "cookie": cookie},
        )
        session = welcome.headers.get_list("set-cookie")[0]
        posted = await browser.http.post(
            "/graphql",
            json={"query": "{ logisticsTasks(first: 1) { nodes { id } } }"},
            headers={
                **seen_by_the_gateway,
                "origin": "https://gw.example",
                "sec-fetch-site": "same-origin",
                "cookie": session.partition(";")[0],
            },
        )
        port = httpx.URL(gateway.url).port
        assert port is not None
        host = {name: value for name, value in seen_by_the_gateway.items() if name != "host"}
        async with connected(port, NEW, headers={**host, "origin": "https://gw.example"}) as socket:
            await socket.say("connection_init")
            greeting = await socket.hear()
        rebound = await browser.http.post(
            "/graphql",
            json={"query": "{ upstreams { state } }"},
            headers={"host": "evil.example", "origin": "http://evil.example", "sec-fetch-site": "same-origin"},
        )

    assert query["redirect_url"] == [f"https://gw.example{CALLBACK}"]
    assert session.startswith("__Host-gateway_session=")
    assert "; Secure; " in session
    assert (posted.status_code, "errors" in posted.json()) == (200, False)
    assert greeting == {"type": "connection_ack"}
    assert rebound.status_code == 403
