"""The composition root: builds every part of the gateway and connects them."""

import gc
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.composition.upstream import UpstreamComposition
from gateway.http.health import Termination, add_health_routes
from gateway.http.response import SecurityHeaders
from gateway.http.server_protocol import COUNTS, ConnectionCounts
from gateway.ide.page import Examples, Ide, IdeEndpoint, no_examples
from gateway.live import Process
from gateway.reload import Reloader
from gateway.settings.model import Settings
from gateway.settings.reloading import Change, SettingsSource
from gateway.status.build import StatusPage, Surroundings, build_status
from gateway.subscriptions.tickets import TICKET_PATH
from gateway.supervision import end_with_supervisor
from gateway.telemetry.process_group import group_folder
from gateway.telemetry.telemetry import Telemetry
from gateway.webhooks.endpoint import add_webhooks

YOUNG_OBJECTS: Final = 50_000
"""Threshold of the youngest generation instead of 700: one response alone allocates hundreds of objects."""


class App:
    """The whole gateway as an ASGI app; process lifetime.

    Args:
        endpoint: Serves /graphql.
        rest: Serves all other paths.

    Attributes:
        endpoint: As above; a reload replaces it.
    """

    def __init__(self, endpoint: ASGIApp, rest: ASGIApp) -> None:
        self.endpoint = endpoint
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the lifespan."""
        # Directly, because the routing and middleware of FastAPI would cost on every operation.
        if scope["type"] != "lifespan" and scope["path"] == "/graphql":
            await self.endpoint(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def create_app(
    settings: Settings | None = None,
    *,
    examples: Examples = no_examples,
    now: Callable[[], float] = time.time,
    others: Sequence[UpstreamComposition[Any]] = (),
    source: SettingsSource | None = None,
) -> App:
    """Build the gateway.

    Args:
        settings: The settings, which stay as they are; None reads them from `source`.
        examples: Returns operations that the IDE opens in addition to its own.
        now: The wall clock for the expiry of tokens and sessions, in seconds since 1970.
        others: Upstreams from outside, besides the gateway's own; `settings` has a group for each.
        source: Where settings come from that reload; the default is the environment.

    Raises:
        SettingsProblems: The environment's settings are wrong.
    """
    if settings is None:
        source = source or SettingsSource(os.environ)
        settings = source.settings
    ide = Ide()
    process = Process(settings, IdeEndpoint(ide, examples), now, others)
    telemetry = Telemetry(process.metrics, process.tracing, group_folder(os.environ))

    async def apply(change: Change) -> None:
        live = await process.renewed(change.settings)
        # Before `use`, which awaits: requests that come meanwhile begin with the new settings.
        app.endpoint = live.endpoint
        await process.use(live)

    reloading: AbstractAsyncContextManager[None] = nullcontext()
    if source is not None:
        reloading = Reloader(source, apply, process.metrics.reloads).watching()
    parts = Surroundings(
        lambda: process.live.upstreams,
        lambda: process.live.operations.stack,
        process.subscriptions,
        process.events.events,
        telemetry,
    )
    status = build_status(settings, parts, process.recent, now)
    rest = _rest(settings, process, telemetry, reloading, status)
    rest.mount("/ide", ide.assets)
    add_webhooks(rest, settings, process.events.hint, process.metrics.webhooks)
    process.watch()
    telemetry.add_route(rest)
    app = App(process.live.endpoint, SecurityHeaders(rest))
    return app


def create_worker_app(settings: Settings | None = None, *, examples: Examples = no_examples) -> App:
    """Create the gateway's app for a process of its own, which ends with its supervisor if it has one.

    Args:
        settings: The settings; the default is to read them from the environment.
        examples: Further example operations of the IDE.

    Raises:
        SettingsProblems: The settings in the environment are invalid.
    """
    app = create_app(settings, examples=examples)
    end_with_supervisor()
    # Garbage of the start would be frozen as well, and never be freed.
    gc.collect()
    # What exists now is needed until the process ends, so no later collection has to look at it.
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    return app


def _rest(
    settings: Settings,
    process: Process,
    telemetry: Telemetry,
    reloading: AbstractAsyncContextManager[None],
    status: StatusPage | None,
) -> FastAPI:
    subscriptions, events = process.subscriptions, process.events
    termination = Termination(subscriptions.stop_accepting, settings.drain_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, ConnectionCounts]]:
        await telemetry.open()
        await process.live.upstreams.open()
        await events.open()
        async with reloading:
            with termination.watching(), status.remembering() if status is not None else nullcontext():
                yield {COUNTS: telemetry.metrics.connections}
        # From the clients inwards: subscriptions end before the events that they follow, connections last.
        await subscriptions.close(settings.grace_seconds)
        await events.close()
        await process.live.oauth.close()
        await process.keys.close()
        await process.live.upstreams.close()
        await telemetry.close()

    rest = FastAPI(
        title="GraphQL gateway",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        # A redirect would repeat the secret in a webhook's path.
        redirect_slashes=False,
    )

    def ready() -> bool:
        return termination.ready and subscriptions.accepting

    add_health_routes(rest, ready)
    if status is not None:
        status.add_to(rest, ready)
    rest.mount("/oauth/logistics", process.logins)
    rest.router.routes.append(Route(TICKET_PATH, process.tickets))
    return rest
