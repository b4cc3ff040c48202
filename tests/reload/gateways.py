"""A gateway whose settings are in files, and reload."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.options import LogisticsOptions
from gateway.settings.reloading import SettingsSource
from tests.lifespan import lifespan_of
from tests.subscriptions.loopback import serving

TOKEN = LogisticsOptions().token
LOGGER = "gateway.reload"
PATIENCE_SECONDS = 30


def digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def config(url: str, *, token: str = TOKEN, callers: Mapping[str, str] | None = None, more: str = "") -> str:
    """The TOML file of a gateway over a logistics API.

    Args:
        url: Of the API.
        token: The gateway's own token there.
        callers: The key of each caller by its name.
        more: Further tables.
    """
    keys = "".join(f'{name} = "{digest(key)}"\n' for name, key in (callers or {"ada": "ada's key"}).items())
    return f'[logistics]\nurl = "{url}"\ntoken = "{token}"\n[auth.api_keys]\n{keys}{more}'


@dataclass
class ReloadingGateway:
    """A running gateway. Lifetime: its block."""

    port: int
    file: Path
    client: httpx.AsyncClient
    caplog: pytest.LogCaptureFixture

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.caplog.records if record.name == LOGGER]

    async def reload(self, content: str | None = None) -> list[str]:
        """Write the file, send SIGHUP, and return the lines that the log has of the reload."""
        if content is not None:
            self.file.write_text(content)
        before, outcomes = len(self.lines), sum((await self.reloads()).values())
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum((await self.reloads()).values()) == outcomes:  # noqa: ASYNC110 - asked over HTTP
                await asyncio.sleep(0.01)
        return self.lines[before:]

    async def reloads(self) -> dict[str, int]:
        """How many reloads there were, by outcome."""
        found = [line for line in (await self.metrics()).splitlines() if line.startswith("gateway_reloads_total{")]
        return {line.split('"')[1]: int(float(line.split()[-1])) for line in found}

    async def metrics(self) -> str:
        return (await self.client.get("/metrics")).text

    async def ask(self, query: str = "{ __typename }", key: str | None = "ada's key", **headers: str) -> httpx.Response:
        shown = {"x-api-key": key} if key is not None else {}
        return await self.client.post("/graphql", json={"query": query}, headers={**shown, **headers})


@asynccontextmanager
async def reloading_gateway(
    directory: Path, content: str, caplog: pytest.LogCaptureFixture, environment: Mapping[str, str] | None = None
) -> AsyncIterator[ReloadingGateway]:
    """Serve a gateway with this TOML file."""
    caplog.set_level(logging.INFO, logger=LOGGER)
    file = directory / "gateway.toml"
    file.write_text(content)
    async with AsyncExitStack() as stack:
        source = SettingsSource({"GATEWAY_CONFIG": str(file), **(environment or {})})
        app = create_app(source=source)
        await stack.enter_async_context(lifespan_of(app))
        port = await stack.enter_async_context(serving(app, max_message_bytes=65_536))
        url = f"http://127.0.0.1:{port}"
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30))
        yield ReloadingGateway(port, file, client, caplog)
