"""An app of another origin logs a person in through a popup of a real browser, and then asks with the session."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gateway.sandbox.server import serving
from tests.chromium import in_chromium
from tests.oauth.gateways import running_gateway


async def app_page(_: Request) -> HTMLResponse:
    return HTMLResponse("<!DOCTYPE html><title>An app</title>")


APP = Starlette(routes=[Route("/", app_page)])


@pytest.mark.parametrize("decision", ["Allow", "Deny"])
async def test_a_page_that_opened_the_login_in_a_popup_gets_the_result(
    decision: str, chromium: str, tmp_path: Path
) -> None:
    async with serving(APP) as app:
        listed = {"GATEWAY_CORS_ORIGINS": app}
        async with running_gateway(tmp_path, listed) as gateway:
            seen = await in_chromium(chromium, "popup.mjs", app, gateway.url, decision)

    assert (seen["origin"], seen["closed"]) == (gateway.url, True)
    if decision == "Allow":
        assert seen["message"]["session"]["current"] is True
        assert len(seen["answer"]["data"]["logisticsTasks"]["nodes"]) == 1
    else:
        assert "did not give your consent" in seen["message"]["error"]["message"]
        assert seen["answer"]["errors"][0]["extensions"]["code"] == "UPSTREAM_AUTH"
