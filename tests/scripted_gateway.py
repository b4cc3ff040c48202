"""A gateway whose upstreams are all one server with answers scripted by the test."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from gateway.app import create_app
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from tests.lifespan import lifespan_of
from tests.upstreams.recording_server import RecordingServer, recording_server
from tests.world import UNCACHED, Answer


@dataclass
class ScriptedGateway:
    """A running gateway over a scripted upstream. Lifetime: its block."""

    url: str
    upstream: RecordingServer
    client: httpx.AsyncClient

    async def ask(self, query: str, variables: Mapping[str, object] | None = None) -> Answer:
        """Clear the recorded requests, and run an operation."""
        self.upstream.requests.clear()
        body = {"query": query, "variables": variables}
        return Answer(await self.client.post(f"{self.url}/graphql", json=body))

    @property
    def asked(self) -> list[str]:
        """The requests to the upstream since the last operation began, such as `GET /api/v1/send-tasks/1`."""
        return [f"{one.method} {one.path}" for one in self.upstream.requests]


@asynccontextmanager
async def scripted_gateway(
    settings: Mapping[str, str | None] | None = None, *, data_centres: Sequence[str] = ("/rest/v1",)
) -> AsyncIterator[ScriptedGateway]:
    """Start a gateway without a cache, over one server in place of all three APIs.

    Args:
        settings: Further settings by environment name; None removes one.
        data_centres: The path of each data centre of the SMS API on the server.
    """
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(recording_server())
        own = {
            **UNCACHED,
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_DELIVERIES__URL": f"{upstream.url}/api/v1",
            "GATEWAY_DELIVERIES__TOKEN": "our token",
            "GATEWAY_SMS__URLS": ",".join(upstream.url + path for path in data_centres),
            "GATEWAY_SMS__USERNAME": "user",
            "GATEWAY_SMS__PASSWORD": "password",
            "GATEWAY_LOGISTICS__URL": f"{upstream.url}/logistics",
            "GATEWAY_LOGISTICS__TOKEN": "our token",
            "GATEWAY_LOGISTICS__CLIENT_KEY": "our client key",
            "GATEWAY_LOGISTICS__SECRET_KEY": "our secret key",
        }
        wanted = {**own, **(settings or {})}
        app = create_app(load_settings({name: value for name, value in wanted.items() if value is not None}))
        await stack.enter_async_context(lifespan_of(app))
        url = await stack.enter_async_context(serving(app))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30))
        yield ScriptedGateway(url, upstream, client)
