"""A gateway over simulators, and one over an upstream that answers whatever a test scripts."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from tests.lifespan import lifespan_of
from tests.upstreams.recording_server import RecordingServer, recording_server
from tests.world import UNCACHED, Answer, World, running_world


@dataclass
class Victim:
    """A gateway all of whose upstreams are one hostile server; lives one test."""

    url: str
    upstream: RecordingServer
    client: httpx.AsyncClient

    async def ask(self, query: str, variables: dict[str, object] | None = None) -> Answer:
        body = {"query": query, "variables": variables}
        return Answer(await self.client.post(f"{self.url}/graphql", json=body))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(UNCACHED) as running:
        yield running


@pytest.fixture
async def victim() -> AsyncIterator[Victim]:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(recording_server())
        app = create_app(
            load_settings(
                {
                    **UNCACHED,
                    "GATEWAY_AUTH__ANONYMOUS": "true",
                    "GATEWAY_DELIVERIES__URL": f"{upstream.url}/api/v1",
                    "GATEWAY_DELIVERIES__TOKEN": "our token",
                    "GATEWAY_SMS__URLS": f"{upstream.url}/rest/v1",
                    "GATEWAY_SMS__USERNAME": "user",
                    "GATEWAY_SMS__PASSWORD": "password",
                    "GATEWAY_LOGISTICS__URL": f"{upstream.url}/logistics",
                    "GATEWAY_LOGISTICS__TOKEN": "our token",
                }
            )
        )
        await stack.enter_async_context(lifespan_of(app))
        url = await stack.enter_async_context(serving(app))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30))
        yield Victim(url, upstream, client)
