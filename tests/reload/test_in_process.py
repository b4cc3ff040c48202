"""Reloads of a running gateway, on real sockets."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.sandbox.server import serving as serving_http
from tests.auth.issuer import AUDIENCE, ISSUER, Issuer, bearer, running_issuer
from tests.reload.gateways import config, digest, reloading_gateway
from tests.subscriptions.socket_client import initialized
from tests.subscriptions.stream_client import asking
from tests.upstreams.recording_server import RecordingServer, recording_server

TASK = '{ logisticsTask(id: "LogisticsTask:1") { rawStatus } }'
FOLLOW = 'subscription($after: String) { statusChanged(ids: ["LogisticsTask:1"], after: $after) { kind cursor } }'


def task(status: str) -> bytes:
    return json.dumps({"id": "1", "current_status": status}).encode()


@pytest.fixture
async def upstream() -> AsyncIterator[RecordingServer]:
    async with recording_server() as server:
        server.answer("GET", "/platform/tasks/1", task("assigned"))
        yield server


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json().get("errors", ())]


async def test_keys_come_and_go_and_the_log_names_the_settings_but_no_values(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway:
        assert codes(await gateway.ask(key="eve's key")) == ["UNAUTHENTICATED"]

        lines = await gateway.reload(config(upstream.url, callers={"eve": "eve's key"}))

        assert codes(await gateway.ask(key="ada's key")) == ["UNAUTHENTICATED"]
        assert (await gateway.ask(key="eve's key")).json() == {"data": {"__typename": "Query"}}
        assert lines == ["Settings reloaded. Changed: GATEWAY_AUTH__API_KEYS__ADA, GATEWAY_AUTH__API_KEYS__EVE"]
        assert await gateway.reloads() == {"changed": 1, "unchanged": 0, "failed": 0}


async def test_wrong_settings_change_nothing_and_one_line_names_each_problem(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway:
        wrong = config(
            upstream.url, callers={"eve": "eve's key"}, more="[limits]\ncost = 0\n[cache]\ngrace = -1\n"
        ).replace(digest("eve's key"), "no digest but a key")

        lines = await gateway.reload(wrong)

        assert (await gateway.ask(key="ada's key")).status_code == 200
        (line,) = lines
        assert re.findall(r"GATEWAY_\w+", line) == [
            "GATEWAY_AUTH__API_KEYS__EVE",
            "GATEWAY_CACHE__GRACE",
            "GATEWAY_LIMITS__COST",
        ]
        assert "no digest but a key" not in line
        assert "gateway_last_reload_successful 0.0" in await gateway.metrics()

        await gateway.reload(config(upstream.url, callers={"eve": "eve's key"}))

        assert (await gateway.ask(key="eve's key")).status_code == 200
        assert "gateway_last_reload_successful 1.0" in await gateway.metrics()
        assert await gateway.reloads() == {"changed": 1, "unchanged": 0, "failed": 1}


async def test_what_needs_a_restart_is_named_and_stays_while_the_rest_changes(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = "http://127.0.0.1:9"
    async with reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway:
        lines = await gateway.reload("port = 1\n" + config(elsewhere, more="[limits]\ndepth = 1\n"))

        assert lines == [
            "Settings reloaded. Changed: GATEWAY_LIMITS__DEPTH",
            "Changed, but not in force before a restart: GATEWAY_LOGISTICS__URL, GATEWAY_PORT",
        ]
        assert codes(await gateway.ask(TASK)) == ["BAD_INPUT"]
        await gateway.reload("port = 1\n" + config(elsewhere))
        assert (await gateway.ask(TASK)).json()["data"]["logisticsTask"] == {"rawStatus": "assigned"}


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ("[limits]\ncost = 1\n", "OPERATION_TOO_EXPENSIVE"),
        ("[limits]\nnodes = 1\n", "OPERATION_TOO_EXPENSIVE"),
        ("[limits]\ndepth = 1\n", "BAD_INPUT"),
        ("[limits]\ndocument_bytes = 10\n", "BAD_INPUT"),
        ("[auth]\ncalls_per_minute = 1\n", "OPERATION_TOO_EXPENSIVE"),
    ],
)
async def test_limits_hold_from_the_next_operation_on(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture, limits: str, code: str
) -> None:
    query = '{ a: logisticsTask(id: "LogisticsTask:1") { id } b: logisticsTask(id: "LogisticsTask:2") { id } }'
    upstream.answer("GET", "/platform/tasks/2", task("assigned"))
    async with reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway:
        assert codes(await gateway.ask(query)) == []

        await gateway.reload(config(upstream.url, more=limits))

        assert codes(await gateway.ask(query)) == [code]


async def test_a_reload_fills_no_budget(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    budget = "[auth]\ncalls_per_minute = 2\n"
    no_cache = "[cache]\nenabled = false\n"
    async with reloading_gateway(tmp_path, config(upstream.url, more=budget + no_cache), caplog) as gateway:
        await gateway.ask(TASK)
        assert codes(await gateway.ask(TASK)) == []

        await gateway.reload(config(upstream.url, more=f"{budget}{no_cache}[limits]\ndepth = 9\n"))

        assert codes(await gateway.ask(TASK)) == ["RATE_LIMITED"]


async def test_listed_origins_change(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    origin = "https://app.example.com"
    async with reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway:
        assert (await gateway.ask(origin=origin)).status_code == 403

        await gateway.reload(f'cors_origins = ["{origin}"]\n' + config(upstream.url))

        allowed = await gateway.ask(origin=origin)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, origin)


async def test_trusted_documents_change_with_the_content_of_their_file(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"old": "{ __typename }"}))
    content = f'trusted_documents = "{manifest}"\n' + config(upstream.url)
    async with reloading_gateway(tmp_path, content, caplog) as gateway:
        assert codes(await gateway.ask(TASK)) == ["FORBIDDEN"]
        manifest.write_text(json.dumps({"new": TASK}))

        lines = await gateway.reload()

        assert lines == ["Settings reloaded. Changed: GATEWAY_TRUSTED_DOCUMENTS"]
        assert codes(await gateway.ask(TASK)) == []
        assert codes(await gateway.ask("{ __typename }")) == ["FORBIDDEN"]
        manifest.write_text("{")
        (line,) = await gateway.reload()
        assert "GATEWAY_TRUSTED_DOCUMENTS" in line
        assert codes(await gateway.ask(TASK)) == []


async def test_a_secret_in_a_file_of_its_own_reloads_and_its_records_are_not_those_of_the_old_one(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "token"
    secret.write_text("first-planted\n")
    content = config(upstream.url).replace('token = "', f'token_file = "{secret}"\n#')
    async with reloading_gateway(tmp_path, content, caplog) as gateway:
        assert (await gateway.ask(TASK)).json()["data"]["logisticsTask"] == {"rawStatus": "assigned"}
        upstream.answer("GET", "/platform/tasks/1", task("cancelled"))
        assert (await gateway.ask(TASK)).json()["data"]["logisticsTask"] == {"rawStatus": "assigned"}
        secret.write_text("second-planted\n")

        lines = await gateway.reload()

        assert lines == ["Settings reloaded. Changed: GATEWAY_LOGISTICS__TOKEN"]
        assert (await gateway.ask(TASK)).json()["data"]["logisticsTask"] == {"rawStatus": "cancelled"}
        assert [one.headers["authorization"] for one in upstream.requests] == [
            "Bearer first-planted",
            "Bearer second-planted",
        ]


async def test_records_outlive_a_reload_that_leaves_their_account_alone(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway:
        await gateway.ask(TASK)
        for depth in (8, 9):
            await gateway.reload(config(upstream.url, more=f"[limits]\ndepth = {depth}\n"))
            await gateway.ask(TASK)

        assert len(upstream.requests) == 1


async def test_accounts_of_tenants_come_and_go(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    acme = '[auth.api_key_account]\nada = "acme"\n[accounts.acme.logistics]\ntoken = "of-acme"\n'
    async with reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway:
        await gateway.ask(TASK)
        await gateway.reload(config(upstream.url, more=acme))
        await gateway.ask(TASK)
        await gateway.reload(config(upstream.url, more=acme.replace("of-acme", "new-of-acme")))
        await gateway.ask(TASK)

        sent = [one.headers["authorization"].removeprefix("Bearer ") for one in upstream.requests]
        assert sent[1:] == ["of-acme", "new-of-acme"]
        (line,) = await gateway.reload(config(upstream.url, more='[auth.api_key_account]\nada = "acme"\n'))
        assert "there is no account 'acme'" in line


async def test_an_operation_ends_with_the_settings_that_it_began_with(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(scope: object, receive: object, send: object) -> None:
        asked.set()
        await release.wait()
        await upstream(scope, receive, send)  # type: ignore[arg-type]  # as it came

    async with serving_http(slow) as url, reloading_gateway(tmp_path, config(url), caplog) as gateway:
        running = asyncio.create_task(gateway.ask(TASK))
        await asked.wait()
        await gateway.reload(config(url, callers={"eve": "eve's key"}, more="[limits]\ndepth = 1\n"))
        release.set()

        assert (await running).json()["data"]["logisticsTask"] == {"rawStatus": "assigned"}
        assert codes(await gateway.ask(TASK, key="eve's key")) == ["BAD_INPUT"]


async def test_a_removed_key_ends_its_connections_and_no_others(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    both = config(upstream.url, callers={"ada": "ada's key", "eve": "eve's key"})
    async with (
        reloading_gateway(tmp_path, both, caplog) as gateway,
        initialized(gateway.port, **{"x-api-key": "eve's key"}) as ended,
        initialized(gateway.port, **{"x-api-key": "ada's key"}) as kept,
        asking(gateway.port, FOLLOW, headers={"x-api-key": "eve's key"}) as streamed,
    ):
        await streamed.event()
        await gateway.reload(config(upstream.url))

        code, reason = await ended.closing()
        assert (code, reason.partition(":")[0]) == (
            4403,
            "Check that the key or token is complete and meant for this gateway",
        )
        assert await streamed.event() == {}
        await kept.say("subscribe", "a", query="{ __typename }")
        assert (await kept.hear())["payload"] == {"data": {"__typename": "Query"}}


async def test_a_connection_whose_account_changed_is_to_connect_again_and_resumes_behind_a_gap(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway:
        async with initialized(gateway.port, **{"x-api-key": "ada's key"}) as client:
            await client.say("subscribe", "a", query=FOLLOW)
            snapshot = (await client.hear())["payload"]["data"]["statusChanged"]
            await gateway.reload(config(upstream.url, token="another-planted"))
            code, reason = await client.closing()
        async with initialized(gateway.port, **{"x-api-key": "ada's key"}) as client:
            await client.say("subscribe", "a", query=FOLLOW, variables={"after": snapshot["cursor"]})
            resumed = [(await client.hear())["payload"]["data"]["statusChanged"]["kind"] for _ in range(2)]

    assert (snapshot["kind"], code, reason.partition(":")[0]) == (
        "SNAPSHOT",
        1012,
        "Connect again, with the last cursor as `after`",
    )
    assert resumed == ["GAP", "SNAPSHOT"]
    assert upstream.requests[-1].headers["authorization"] == "Bearer another-planted"


async def test_new_operations_over_an_open_connection_have_the_new_limits(
    tmp_path: Path, upstream: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        reloading_gateway(tmp_path, config(upstream.url), caplog) as gateway,
        initialized(gateway.port, **{"x-api-key": "ada's key"}) as client,
    ):
        await gateway.reload(config(upstream.url, more="[limits]\ndepth = 1\n"))

        await client.say("subscribe", "a", query=TASK)
        assert (await client.hear())["payload"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_a_withdrawn_key_of_the_issuer_ends_its_tokens_at_sighup(
    tmp_path: Path, upstream: RecordingServer, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    jwt = f'[auth]\njwks_url = "{issuer.url}"\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n'
    async with reloading_gateway(tmp_path, config(upstream.url, more=jwt), caplog) as gateway:
        old, new = issuer.token(key="first"), issuer.token(key="second")
        async with initialized(gateway.port, authorization=f"Bearer {old}") as client:
            assert (await gateway.ask(key=None, **bearer(old))).status_code == 200
            issuer.publish("second")

            lines = await gateway.reload()

            assert lines == ["Settings read again: none of those that reload has changed."]
            assert codes(await gateway.ask(key=None, **bearer(old))) == ["UNAUTHENTICATED"]
            assert (await gateway.ask(key=None, **bearer(new))).status_code == 200
            assert (await client.closing())[0] == 4403


async def test_another_issuer_without_keys_is_wrong_and_one_that_is_away_keeps_its_keys(
    tmp_path: Path, upstream: RecordingServer, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    jwt = f'[auth]\njwks_url = "{issuer.url}"\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n'
    async with reloading_gateway(tmp_path, config(upstream.url, more=jwt), caplog) as gateway:
        token = bearer(issuer.token())
        await gateway.ask(key=None, **token)
        (line,) = await gateway.reload(config(upstream.url, more=jwt.replace("/keys", "/none")))
        assert "GATEWAY_AUTH__JWKS_URL" in line
        issuer.publish("first", status=503)
        await gateway.reload(config(upstream.url, more=jwt + 'algorithms = ["RS256", "ES256"]\n'))

        assert (await gateway.ask(key=None, **token)).status_code == 200
        assert await gateway.reloads() == {"changed": 1, "unchanged": 0, "failed": 1}
