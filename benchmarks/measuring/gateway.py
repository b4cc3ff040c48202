"""The gateway under test: as a process with one worker or in this process, and its start-up time."""

import statistics
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final
from urllib.parse import urlsplit

import uvicorn
from uvicorn.lifespan.on import LifespanOn

from gateway.app import create_app
from gateway.sandbox.server import serving
from gateway.settings.loading import load_settings
from measuring.load import Pace
from measuring.processes import GATEWAY, Server, free_port, running
from measuring.upstream import Upstream

MODES: Final[dict[str, dict[str, str]]] = {
    "cold": {"GATEWAY_CACHE__ENABLED": "false", "GATEWAY_CACHE__COALESCE": "false"},
    "shared": {"GATEWAY_CACHE__ENABLED": "false", "GATEWAY_CACHE__COALESCE": "true"},
    "hot": {
        "GATEWAY_CACHE__ENABLED": "true",
        "GATEWAY_CACHE__COALESCE": "true",
        "GATEWAY_CACHE__TTL_ACTIVE": "3600",
        "GATEWAY_CACHE__TTL_QUOTE": "3600",
    },
}
"""Settings of what is shared and cached.

cold: nothing. shared: equal concurrent operations run once. hot: responses are cached for longer than a load lasts.
"""


@contextmanager
def running_gateway(upstream: Upstream, mode: str, more: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a gateway process while the block runs.

    Args:
        upstream: The upstreams of the gateway.
        mode: One of `MODES`.
        more: Further settings.
    """
    port = free_port()
    settings = {**upstream.gateway_settings, **MODES[mode], "GATEWAY_PORT": str(port), **(more or {})}
    with running("the gateway", GATEWAY, port, "/readyz", settings) as server:
        yield server


@asynccontextmanager
async def gateway_in_process(settings: Mapping[str, str]) -> AsyncIterator[int]:
    """Serve a gateway in the running event loop while the block runs, for measurements from within the process.

    Args:
        settings: The settings by environment name; those of the process are not used.

    Yields:
        The port on 127.0.0.1.
    """
    app = create_app(load_settings(settings))
    config = uvicorn.Config(app, lifespan="on", log_config=None)
    config.load()
    lifespan = LifespanOn(config)
    await lifespan.startup()
    async with serving(app) as url:
        yield urlsplit(url).port or 0
    await lifespan.shutdown()


def measure_start_up(upstream: Upstream, pace: Pace) -> float:
    """Return the median time from start to first response over several starts, in seconds."""
    return statistics.median(_start(upstream) for _ in range(pace.starts))


def _start(upstream: Upstream) -> float:
    port = free_port()
    settings = {**upstream.gateway_settings, **MODES["hot"], "GATEWAY_PORT": str(port)}
    start = time.perf_counter()
    with running("the gateway", GATEWAY, port, "/graphql?query=%7B__typename%7D", settings):
        return time.perf_counter() - start
