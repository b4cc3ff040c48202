"""The limits of logins, and the answers where the settings do not allow any."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from gateway.composition.upstreams import MAX_LOGINS_AT_ONCE
from gateway.oauth.endpoint import LoginLimits
from gateway.operations.cost.budget import LocalBuckets
from gateway.sandbox.server import serving
from resolvers.errors import RateLimited
from tests.auth.clocks import Clock
from tests.oauth.gateways import CALLBACK, LOGIN, NAVIGATION, SESSION, SESSIONS, codes, new_logistics, running_gateway

FEW = {"GATEWAY_SESSIONS__LOGINS_PER_MINUTE": "10", "GATEWAY_SESSIONS__ALL_LOGINS_PER_MINUTE": "15"}

FEW_PLACES = {"GATEWAY_LOGISTICS__CONCURRENCY": "5"}


def limits(clock: Clock, by_address: int = 10, in_all: int = 15) -> LoginLimits:
    return LoginLimits(LocalBuckets(clock), by_address, in_all)


async def admitted(login_limits: LoginLimits, address: str | None, count: int) -> int:
    """How many of so many requests from an address pass."""
    waits: list[float | None] = []
    for _ in range(count):
        try:
            await login_limits.admit({"type": "http", "client": (address, 1) if address else None})
        except RateLimited as refused:
            waits.append(refused.retry_after)
    assert all(wait is not None and 0 < wait <= 60 for wait in waits)
    return count - len(waits)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "a-unix-socket", None])
async def test_one_address_has_its_own_limit(address: str | None) -> None:
    login_limits = limits(Clock())

    assert await admitted(login_limits, address, 30) == 10
    assert await admitted(login_limits, "192.0.2.99", 3) == 3
    assert login_limits.refused == 20


async def test_addresses_of_one_network_count_together() -> None:
    login_limits = limits(Clock())

    passed = [await admitted(login_limits, f"2001:db8:0:1::{number:x}", 1) for number in range(20)]

    assert sum(passed) == 10


async def test_all_addresses_together_have_a_limit() -> None:
    clock = Clock()
    login_limits = limits(clock)

    passed = [await admitted(login_limits, f"192.0.2.{number}", 1) for number in range(40)]
    clock.advance(60)

    assert sum(passed) == 15
    assert await admitted(login_limits, "198.51.100.1", 1) == 1


@pytest.mark.parametrize("path", [LOGIN, CALLBACK, SESSION])
async def test_every_request_of_a_login_counts(tmp_path: Path, path: str) -> None:
    async with running_gateway(tmp_path, FEW) as gateway, gateway.browser() as browser:
        body = {"session_id": "made-up"}
        sent = [browser.http.post(path, json=body) if path == SESSION else browser.http.get(path) for _ in range(20)]
        answers = await asyncio.gather(*sent)
        metrics = (await browser.http.get("/metrics")).text
        listed = await browser.http.get(SESSIONS)

    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 10
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert refused[0].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert "gateway_logins_refused_total 10.0" in metrics
    assert listed.status_code == 401
    assert gateway.asked("/platform/sso/token") == (10 if path == SESSION else 0)


async def test_queries_never_wait_for_logins(tmp_path: Path) -> None:
    begun, release = asyncio.Semaphore(0), asyncio.Event()
    at_once: list[int] = []

    async def hanging(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/platform/sso/token":
            at_once.append(1)
            begun.release()
            await release.wait()
        await logistics.app(scope, receive, send)

    logistics = new_logistics()
    async with (
        serving(hanging) as upstream,
        running_gateway(
            tmp_path, {"GATEWAY_LOGISTICS__URL": upstream, "GATEWAY_LOGISTICS__CONCURRENCY": "5"}
        ) as gateway,
        gateway.browser() as browser,
    ):
        logins = [asyncio.create_task(browser.http.post(SESSION, json={"session_id": "made-up"})) for _ in range(30)]
        for _ in range(MAX_LOGINS_AT_ONCE):
            await begun.acquire()
        answer = await browser.ask()
        waiting = len(at_once)
        release.set()
        statuses = {response.status_code for response in await asyncio.gather(*logins)}

    assert codes(answer) == ["UPSTREAM_AUTH"]
    assert waiting == MAX_LOGINS_AT_ONCE
    assert statuses == {400}


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
