"""A page of another origin follows a subscription by an EventSource of a real browser, which sends no headers."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gateway.sandbox.server import serving
from tests.chromium import in_chromium
from tests.subscriptions.test_tickets import SETTINGS, SUBSCRIPTION
from tests.world import running_world


async def app_page(_: Request) -> HTMLResponse:
    return HTMLResponse("<!DOCTYPE html><title>An app</title>")


APP = Starlette(routes=[Route("/", app_page)])


async def test_an_event_source_follows_a_subscription_once_by_a_ticket(chromium: str) -> None:
    async with serving(APP) as app, running_world({**SETTINGS, "GATEWAY_CORS_ORIGINS": app}) as world:
        seen = await in_chromium(chromium, "ticket.mjs", app, world.url, "key", SUBSCRIPTION)

    assert seen["first"] == {"data": {"data": {"statusChanged": {"kind": "SNAPSHOT"}}}, "hasCursor": True}
    assert seen["coding"] == "gzip"
    assert seen["again"] == {"closed": True}
