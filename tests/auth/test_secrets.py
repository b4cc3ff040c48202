"""What a gateway knows and nobody is to learn: not from its log at its most talkative, nor from any answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn

from gateway.app import create_app
from gateway.commands.sandbox import sandbox_environment
from gateway.commands.serve import listen, server_config
from gateway.sandbox.faults import FaultSettings
from gateway.settings import load_settings
from tests.auth.issuer import Issuer, bearer, settings_for
from tests.oauth.gateways import CALLBACK, LOGIN, SESSION
from tests.secrets import API_KEY, WEBHOOK_SECRET, SecretWatch, planted
from tests.world import World, running_world

EVERYTHING = """{
  deliveries(first: 2) { nodes { id product { id } } }
  smsJobs(first: 2) { nodes { id recipientCount } }
  logisticsTasks(first: 2) { nodes { id } }
  partner { partnerId name clientKey webhookUrl createdAt updatedAt }
  upstreams { name state lastErrorCode }
}"""
SETTINGS = {
    "GATEWAY_AUTH__ANONYMOUS": "false",
    "GATEWAY_AUTH__API_KEYS__CALLER": sha256(API_KEY.encode()).hexdigest(),
    "GATEWAY_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "GATEWAY_CACHE__ENABLED": "false",
    "GATEWAY_LOG__LEVEL": "debug",
    "GATEWAY_LOG__ACCESS": "true",
}
EXPLAINED = {"x-gateway-explain": "1", "x-api-key": API_KEY}


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (None, "httpx", "httpcore", "hpack", "websockets", "uvicorn")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def watch() -> SecretWatch:
    return SecretWatch()


@asynccontextmanager
async def served(
    world: World, settings: dict[str, str], directory: Path, watch: SecretWatch
) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway as `gateway serve` starts it, and a client of it whose answers are all looked at."""
    environment = {**sandbox_environment(world.urls, 0, directory), **SETTINGS, **settings}
    loaded = load_settings({name: value for name, value in environment.items() if value})
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(server_config(loaded, create_app(loaded)))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, event_hooks={"response": [watch.read_answer]}) as http:
        yield http
    server.should_exit = True
    await running


async def ask(http: httpx.AsyncClient, query: str = EVERYTHING, **headers: str) -> httpx.Response:
    return await http.post("/graphql", json={"query": query}, headers={**EXPLAINED, **headers})


async def log_in(http: httpx.AsyncClient, world: World) -> list[str]:
    """Log in; what passed through the browser's address bar on the way."""
    started = await http.get(LOGIN)
    state = parse_qs(urlsplit(started.headers["location"]).query)["state"][0]
    code = world.logistics.credentials.issue_code()
    await http.get(CALLBACK, params={"state": state, "code": code})
    session_id = world.logistics.credentials.issue_session()
    await http.post(SESSION, json={"session_id": session_id})
    return [state, code, session_id, http.cookies["gateway_session"]]


async def test_neither_log_nor_answers_show_a_secret_whatever_goes_wrong(
    tmp_path: Path, watch: SecretWatch, issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_world() as world, served(world, settings_for(issuer), tmp_path, watch) as http:
        well = await ask(http)
        passed = await log_in(http, world)
        await ask(http)
        await ask(http, "{ smsApiVersion { majorVersion } }", authorization=f"Bearer {issuer.token()}x")
        await http.post("/graphql", json={"query": EVERYTHING}, headers=bearer(issuer.token(aud="other")))
        webhook = await http.post(f"/webhooks/logistics/{WEBHOOK_SECRET}", json={"type": "update"})
        for fault in (
            FaultSettings(error_rate=1, error_status=401),
            FaultSettings(nonsense="html"),
            FaultSettings(cut=True),
        ):
            for simulator in world.simulators:
                simulator.faults.settings = fault
            await ask(http)
            await http.get(CALLBACK, params={"state": "s", "code": "c"})

    written = capsys.readouterr().err
    for line in written.splitlines():
        watch.read_log_line(line)
    assert "errors" not in well.json()
    assert len(well.json()["extensions"]["gateway"]["calls"]) > 3
    assert webhook.status_code != 401
    assert '"POST /graphql HTTP/1.1" 200' in written
    assert "/webhooks/logistics/***" in written
    assert [one for one in passed if one in written] == []
    assert watch.leaks == []


@pytest.mark.parametrize("secret", planted())
def test_the_watch_finds_every_planted_secret_in_the_log(watch: SecretWatch, secret: str) -> None:
    watch.read_log_line(f"GET /x/{secret}?y failed")

    assert len(watch.leaks) >= 1


@pytest.mark.parametrize("name", ["body", "header"])
async def test_the_watch_finds_secrets_in_answers(watch: SecretWatch, name: str) -> None:
    request = httpx.Request("GET", "http://gateway.example/partner")
    text = {"body": API_KEY, "header": "fine"}[name]
    headers = {"body": {}, "header": {"location": f"/?k={API_KEY}"}}[name]

    await watch.read_answer(httpx.Response(200, text=text, headers=headers, request=request))

    assert len(watch.leaks) == 1
    assert "the answer to GET /partner" in watch.leaks[0]


def test_the_watch_finds_tokens_that_nobody_planted(watch: SecretWatch, issuer: Issuer) -> None:
    watch.read_log_line(f"sent {issuer.token()}")
    watch.read_log_line(f"sent gws_{'x' * 43}")
    watch.read_log_line("gws_ and eyJ.eyJ.x are no tokens")

    assert [leak.partition(" stands")[0] for leak in watch.leaks] == ["a JSON Web Token", "a session's token"]
