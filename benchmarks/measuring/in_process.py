"""A gateway in this process, behind a real socket, for what can only be seen from within."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import uvicorn
from uvicorn.lifespan.on import LifespanOn

from gateway.app import create_app
from gateway.sandbox.server import serving
from gateway.settings.loading import load_settings


@asynccontextmanager
async def gateway_in_process(settings: Mapping[str, str]) -> AsyncIterator[int]:
    """Serve a gateway from the running event loop for as long as the block.

    Args:
        settings: By their environment names; the process's own are left out.

    Yields:
        Its port on 127.0.0.1.
    """
    app = create_app(load_settings(settings))
    config = uvicorn.Config(app, lifespan="on", log_config=None)
    config.load()
    lifespan = LifespanOn(config)
    await lifespan.startup()
    async with serving(app) as url:
        yield urlsplit(url).port or 0
    await lifespan.shutdown()
