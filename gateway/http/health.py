"""Liveness, readiness, and the drain before shutdown.

::

    SIGTERM --> /readyz: 503 -- drain_seconds, work is served --> end() --> previous handler (uvicorn's)
    SIGINT, or a second signal ---------------------------------> end() --> previous handler (uvicorn's)
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from fastapi import FastAPI, Request, Response, status
from fastapi.responses import JSONResponse

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

SignalHandler = Callable[[int, FrameType | None], Any] | int | None
"""What `signal.getsignal` returns."""


class Termination:
    """Drains the process before the server handles a signal; process lifetime.

    At SIGTERM `ready` becomes false, so that `/readyz` answers 503 and load balancers route elsewhere, while the
    listener stays open and all work is served. After `drain_seconds`, at a second signal, or at once for SIGINT (a
    person at a terminal), `end` is called and then the previous signal handler.

    Args:
        end: Ends the long-lived connections; called in the event loop at each signal that does not start a drain.
        drain_seconds: How long new work is accepted after SIGTERM.

    Attributes:
        ready: Whether new work should be routed to this process.
    """

    def __init__(self, end: Callable[[], None], drain_seconds: float) -> None:
        self._end = end
        self._drain_seconds = drain_seconds
        self._drain: asyncio.TimerHandle | None = None
        self._previous: dict[signal.Signals, SignalHandler] = {}
        self.ready = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Handle the process's signals within the block, which runs in the event loop."""
        if threading.current_thread() is not threading.main_thread():
            # Only the main thread gets signals: a server in another thread is stopped by other means.
            yield
            return
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: FrameType | None) -> None:
            # In the event loop, because a signal may interrupt Python code at any place.
            loop.call_soon_threadsafe(self._signalled, number, frame)

        self._previous = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            signal.signal(number, handle)
        try:
            yield
        finally:
            self._stop_draining()
            for number, handler in self._previous.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        drains = self.ready and number == signal.SIGTERM and self._drain_seconds > 0
        self.ready = False
        if drains:
            loop = asyncio.get_running_loop()
            self._drain = loop.call_later(self._drain_seconds, self._finish, number, frame)
            return
        self._stop_draining()
        self._finish(number, frame)

    def _finish(self, number: int, frame: FrameType | None) -> None:
        # Before uvicorn's handler: it waits for open connections before it notifies the app, and a subscription never
        # ends by itself.
        self._end()
        handler = self._previous[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    def _stop_draining(self) -> None:
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None


def add_health_routes(rest: FastAPI, accepting: Callable[[], bool]) -> None:
    """Add `/livez` and `/readyz`.

    Args:
        rest: The app that the routes are added to.
        accepting: Whether new work is accepted; false once shutdown has begun.
    """

    # Neither depends on an upstream, because an outage there is no reason to restart the gateway or to route elsewhere.
    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        if accepting():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "ending"}, status.HTTP_503_SERVICE_UNAVAILABLE)

    # Starlette's routes: FastAPI would keep the functions, and with them the app, in a cache of the whole process.
    rest.add_route("/livez", livez, ["GET", "HEAD"], include_in_schema=False)
    rest.add_route("/readyz", readyz, ["GET", "HEAD"], include_in_schema=False)
