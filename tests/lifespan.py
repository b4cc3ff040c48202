"""Runs the start-up and shutdown of an ASGI app around a test, as a server does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Message


@asynccontextmanager
async def lifespan_of(app: ASGIApp) -> AsyncIterator[None]:
    """Start the app, and shut it down when the block ends.

    Raises:
        RuntimeError: The app reports that it could not start or stop.
    """
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    running = asyncio.create_task(_run(app, to_app, from_app))
    try:
        await _run_phase(to_app, from_app, "startup")
        yield
        await _run_phase(to_app, from_app, "shutdown")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _run(app: ASGIApp, to_app: asyncio.Queue[Message], from_app: asyncio.Queue[Message]) -> None:
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    await app(scope, to_app.get, from_app.put)


async def _run_phase(to_app: asyncio.Queue[Message], from_app: asyncio.Queue[Message], phase: str) -> None:
    await to_app.put({"type": f"lifespan.{phase}"})
    answer = await from_app.get()
    if answer["type"] != f"lifespan.{phase}.complete":
        raise RuntimeError(answer.get("message", f"The app failed at {phase}."))
