"""Where the settings do not allow logins, every route says what is missing."""

from pathlib import Path

import pytest

from tests.oauth.gateways import CALLBACK, LOGIN, NAVIGATION, SESSION, SESSIONS, codes, running_gateway

NO_SECRET_KEYS = {"GATEWAY_SECRET_KEYS": ""}
NO_PARTNER = {"GATEWAY_LOGISTICS__CLIENT_KEY": "", "GATEWAY_LOGISTICS__SECRET_KEY": ""}


@pytest.mark.parametrize("settings", [NO_SECRET_KEYS, NO_PARTNER])
async def test_no_login_begins_without_the_settings_that_it_needs(tmp_path: Path, settings: dict[str, str]) -> None:
    async with running_gateway(tmp_path, settings) as gateway, gateway.browser() as browser:
        responses = [
            await browser.http.get(LOGIN),
            await browser.http.get(CALLBACK, params={"code": "c", "state": "s"}),
            await browser.http.post(SESSION, json={"session_id": "x"}),
            await browser.http.get(SESSIONS),
            await browser.http.delete(SESSIONS),
        ]
        page = await browser.http.get(LOGIN, headers={**NAVIGATION, "accept": "text/html"})
        answer = await browser.ask(authorization="Bearer gws_whatever")

    assert [response.status_code for response in responses] == [503] * 5
    for response in responses:
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "UPSTREAM_UNCONFIGURED"
        assert "GATEWAY_SECRET_KEYS" in error["message"]
    assert page.headers["content-type"].startswith("text/html")
    assert "GATEWAY_SECRET_KEYS" in page.text
    assert codes(answer) == ["UNAUTHENTICATED"]
