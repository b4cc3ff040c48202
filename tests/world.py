"""A gateway over the simulated upstreams, all on real sockets, with upstream requests that a test can count."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.commands.sandbox import sandbox_environment
from gateway.commands.simulators import SimulatorUrls
from gateway.sandbox.clock import AdjustableClock, ManualClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.logistics.simulator import LogisticsSimulator, create_logistics
from gateway.sandbox.options import DeliveriesOptions, SmsOptions
from gateway.sandbox.request_log import RecordedRequest
from gateway.sandbox.server import serving
from gateway.sandbox.simulator import Simulator
from gateway.sandbox.sms.simulator import SmsSimulators, create_sms
from gateway.settings import load_settings
from tests.lifespan import lifespan_of
from tests.secrets import ANSWERS_WATCHED

UNCACHED: Final = {"GATEWAY_CACHE__ENABLED": "false", "GATEWAY_CACHE__COALESCE": "false"}
"""Settings with which every operation sends its own upstream requests."""


class Answer:
    """A GraphQL answer."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.json: dict[str, Any] = response.json()

    @property
    def data(self) -> Any:  # noqa: ANN401 - any JSON value
        """The data of the answer; fails if it has errors."""
        assert "errors" not in self.json, self.json["errors"]
        return self.json["data"]

    @property
    def codes(self) -> dict[str, str]:
        """The code of each error by its path, such as `{"deliveries": "UPSTREAM_TIMEOUT"}`."""
        return {
            ".".join(str(step) for step in error.get("path", ())): error["extensions"]["code"]
            for error in self.json.get("errors", ())
        }


@dataclass
class World:
    """A running gateway and its upstreams. Lifetime: its block."""

    url: str
    client: httpx.AsyncClient
    clock: AdjustableClock
    deliveries: Simulator
    sms: SmsSimulators
    logistics: LogisticsSimulator
    urls: SimulatorUrls

    @property
    def sms_primary_url(self) -> str:
        """The primary data centre's base URL."""
        return f"{self.urls.sms_primary}/rest/v1"

    @property
    def simulators(self) -> tuple[Simulator, ...]:
        """All five servers."""
        return (self.deliveries, self.sms.primary, self.sms.secondary, self.sms.send, self.logistics)

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests to all upstreams except logins."""
        return [one for simulator in self.simulators for one in simulator.requests if one.path != "/oauth/token"]

    async def ask(
        self, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Clear the recorded requests, and run an operation."""
        for simulator in self.simulators:
            simulator.requests.clear()
        body = {"query": query, **({"variables": variables} if variables else {})}
        return Answer(await self.client.post(f"{self.url}/graphql", json=body, headers=headers))


@asynccontextmanager
async def running_world(  # noqa: PLR0913 - one for each thing that tests vary
    settings: Mapping[str, str] | None = None,
    *,
    deliveries: DeliveriesOptions | None = None,
    sms: SmsOptions | None = None,
    clock: AdjustableClock | None = None,
    without: str | None = None,
    around: Callable[[ASGIApp], ASGIApp] | None = None,
    now: Callable[[], float] = time.time,
) -> AsyncIterator[World]:
    """Start the simulators and a gateway over them.

    Args:
        settings: Further settings by environment name, added to the sandbox's.
        deliveries: Options of the send-tasks simulator.
        sms: Options of the SMS simulators.
        clock: The clock of the records; the default stands still.
        without: Settings whose names begin so are left out.
        around: Wraps the app of each simulator, to change its answers.
        now: The gateway's wall clock, in seconds since 1970.
    """
    clock = clock or ManualClock(datetime.now(UTC))
    deliveries_simulator = create_deliveries(clock, options=deliveries or DeliveriesOptions())
    sms_simulators = create_sms(clock, options=sms or SmsOptions())
    logistics = create_logistics(clock)
    async with AsyncExitStack() as stack:
        urls = SimulatorUrls(
            *[
                await stack.enter_async_context(serving(around(one.app) if around else one.app))
                for one in (
                    deliveries_simulator,
                    sms_simulators.primary,
                    sms_simulators.secondary,
                    sms_simulators.send,
                    logistics,
                )
            ]
        )
        directory = Path(stack.enter_context(TemporaryDirectory()))
        # Because a hedged read sends one more request whenever the machine is slow.
        unhedged = {"GATEWAY_SMS__HEDGE": "false"}
        environment = {**sandbox_environment(urls, 0, directory), **unhedged, **(settings or {})}
        kept = {name: value for name, value in environment.items() if not without or not name.startswith(without)}
        app = create_app(load_settings(kept), now=now)
        await stack.enter_async_context(lifespan_of(app))
        url = await stack.enter_async_context(serving(app))
        client = await stack.enter_async_context(
            httpx.AsyncClient(trust_env=False, timeout=30, event_hooks=ANSWERS_WATCHED)
        )
        yield World(url, client, clock, deliveries_simulator, sms_simulators, logistics, urls)
