"""A gateway that people log in to, over a simulated logistics API, both on real sockets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from gateway.app import create_app
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.logistics.simulator import LogisticsSimulator, create_logistics
from gateway.sandbox.options import LogisticsOptions
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from tests.auth.clocks import Clock
from tests.lifespan import lifespan_of
from tests.secrets import ANSWERS_WATCHED
from tests.subscriptions.loopback import serving as serving_sockets

FIRST_KEY, SECOND_KEY = "first-secret-key-of-these-tests-0001", "second-secret-key-of-these-tests-0002"
OPTIONS = LogisticsOptions()
LOGIN, CALLBACK = "/oauth/logistics/login", "/oauth/logistics/callback"
SESSION, SESSIONS = "/oauth/logistics/session", "/oauth/logistics/sessions"
TASKS = "{ logisticsTasks(first: 1) { nodes { id } } }"
NAVIGATION = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@dataclass
class Browser:
    """A browser of one person: it keeps cookies, and shows every redirect to the test."""

    http: httpx.AsyncClient
    logistics: LogisticsSimulator

    async def start_login(self, **query: str) -> str:
        """Begin a login; the state that goes to the consent page."""
        response = await self.http.get(LOGIN, params=query)
        assert response.status_code == 302
        return parse_qs(urlsplit(response.headers["location"]).query)["state"][0]

    async def come_back(self, state: str, **query: str) -> httpx.Response:
        """Return from the consent page, with a good code unless told otherwise."""
        answer = {"code": self.logistics.credentials.issue_code(), "state": state, **query}
        return await self.http.get(CALLBACK, params=answer, headers={**NAVIGATION, "accept": "text/html"})

    async def log_in(self, **query: str) -> httpx.Response:
        """Log in from beginning to end."""
        return await self.come_back(await self.start_login(**query))

    async def ask(self, query: str = TASKS, **headers: str) -> dict[str, Any]:
        """Run an operation."""
        answer: dict[str, Any] = (await self.http.post("/graphql", json={"query": query}, headers=headers)).json()
        return answer


@dataclass
class Gateway:
    """A running gateway and the logistics API below it."""

    url: str
    clock: Clock
    logistics: LogisticsSimulator

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        """Another person's browser, or another browser of the same person."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, event_hooks=ANSWERS_WATCHED) as http:
            yield Browser(http, self.logistics)

    def asked(self, path: str) -> int:
        """How often the logistics API was asked there."""
        return sum(request.path == path for request in self.logistics.requests)


def new_logistics(options: LogisticsOptions = OPTIONS) -> LogisticsSimulator:
    """A logistics API of which several gateways, one after the other, can be clients."""
    return create_logistics(ManualClock(datetime.now(UTC)), options=options)


@asynccontextmanager
async def running_gateway(
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    logistics: LogisticsSimulator | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Gateway]:
    """Start a gateway whose own logistics account is refused, so that only people's own accounts see tasks.

    Args:
        directory: Where it keeps sessions.
        settings: Added to these here by their environment names; an empty value takes one away.
        logistics: The API; a new one where left out.
        clock: The gateway's wall clock.
    """
    logistics, clock = logistics or new_logistics(), clock or Clock()
    async with serving(logistics.app) as upstream:
        environment = {
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_CACHE__ENABLED": "false",
            "GATEWAY_SECRET_KEYS": FIRST_KEY,
            "GATEWAY_SESSIONS__DATABASE": str(directory / "sessions.sqlite3"),
            "GATEWAY_LOGISTICS__URL": upstream,
            "GATEWAY_LOGISTICS__TOKEN": "a-token-that-nobody-knows",
            "GATEWAY_LOGISTICS__CLIENT_KEY": OPTIONS.client_key,
            "GATEWAY_LOGISTICS__SECRET_KEY": OPTIONS.secret_key,
            "GATEWAY_LOGISTICS__AUTHORIZE_URL": f"{upstream}/oauth2/auth",
            **(settings or {}),
        }
        app = create_app(load_settings({name: value for name, value in environment.items() if value}), now=clock)
        async with lifespan_of(app), serving_sockets(app, max_message_bytes=65_536) as port:
            yield Gateway(f"http://127.0.0.1:{port}", clock, logistics)


def codes(answer: Mapping[str, Any]) -> list[str]:
    """The codes of an answer's errors."""
    return [error["extensions"]["code"] for error in answer.get("errors", ())]
