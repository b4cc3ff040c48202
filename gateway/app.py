"""The composition root: builds every part of the gateway and connects them."""

import gc
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.auth.build import build_authentication, build_key_holders
from gateway.auth.cookies import Site
from gateway.composition.events import ComposedEvents, compose_events
from gateway.composition.upstream import UpstreamComposition
from gateway.composition.upstreams import Upstreams, build_upstreams
from gateway.http.endpoint import Endpoint, EndpointConfig
from gateway.http.health import Termination, add_health_routes
from gateway.http.response import SecurityHeaders
from gateway.http.server_protocol import COUNTS, ConnectionCounts
from gateway.ide.page import Examples, Ide, IdeEndpoint, no_examples
from gateway.oauth.build import OAuth, build_account_tokens, build_oauth
from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.execution import core_schema
from gateway.operations.stack import OperationStack, OperationSurroundings, build_operation_stack
from gateway.settings.loading import load_settings
from gateway.settings.model import Settings
from gateway.subscriptions.connections import subscriptions_config
from gateway.subscriptions.subscriber import Subscriber
from gateway.subscriptions.subscriptions import Subscriptions
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.operation_metrics import trusted_names
from gateway.telemetry.process_group import group_folder
from gateway.telemetry.telemetry import Telemetry
from gateway.telemetry.tracing_setup import build_tracing
from gateway.webhooks.endpoint import add_webhooks
from schema.root import build_schema

YOUNG_OBJECTS: Final = 50_000
"""Threshold of the youngest generation instead of 700: one response alone allocates hundreds of objects."""


class App:
    """The whole gateway as an ASGI app; process lifetime.

    Args:
        endpoint: Serves /graphql.
        rest: Serves all other paths.
    """

    def __init__(self, endpoint: ASGIApp, rest: ASGIApp) -> None:
        self._endpoint = endpoint
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the lifespan."""
        # Directly, because the routing and middleware of FastAPI would cost on every operation.
        if scope["type"] != "lifespan" and scope["path"] == "/graphql":
            await self._endpoint(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def create_app(
    settings: Settings | None = None,
    *,
    examples: Examples = no_examples,
    now: Callable[[], float] = time.time,
    others: Sequence[UpstreamComposition[Any]] = (),
) -> App:
    """Build the gateway.

    Args:
        settings: The settings; None reads them from the environment.
        examples: Returns operations that the IDE opens in addition to its own.
        now: The wall clock for the expiry of tokens and sessions, in seconds since 1970.
        others: Upstreams from outside, besides the gateway's own; `settings` has a group for each.

    Raises:
        SettingsProblems: The environment's settings are wrong.
    """
    settings = settings or load_settings(os.environ)
    metrics = Metrics(trusted_names(settings.trusted_documents))
    upstreams = build_upstreams(settings, metrics.calls, build_account_tokens(settings, now), others)
    events = compose_events(settings, upstreams)
    site = Site.of(settings)
    key_holders = build_key_holders(settings.auth, upstreams, now)
    oauth = build_oauth(settings, upstreams, site, key_holders, now)
    authenticate = build_authentication(settings.auth, upstreams, key_holders, site.cookies, oauth.callers)
    telemetry = Telemetry(metrics, build_tracing(os.environ, metrics.spans), group_folder(os.environ))
    stack, subscriber = _build_operations(settings, upstreams, telemetry)
    subscriptions = Subscriptions(subscriber, authenticate.socket, subscriptions_config(settings), now)
    ide = Ide()
    endpoint = Endpoint(
        stack.operations,
        authenticate,
        EndpointConfig(settings.max_body_bytes, site.rule),
        page=IdeEndpoint(ide, examples) if settings.serves_ide else None,
        streams=subscriptions.streams,
        sockets=subscriptions.sockets,
    )
    rest = _rest(settings, upstreams, oauth, subscriptions, events, telemetry)
    rest.mount("/ide", ide.assets)
    add_webhooks(rest, settings, events.hint)
    metrics.watch(
        upstreams.records, upstreams.addresses, lambda: subscriptions.open_connections, lambda: oauth.limits.refused
    )
    telemetry.add_route(rest)
    return App(endpoint, SecurityHeaders(rest))


def create_worker_app(settings: Settings | None = None, *, examples: Examples = no_examples) -> App:
    """Create the gateway's app for a process of its own, with the garbage collector tuned for it.

    Args:
        settings: The settings; the default is to read them from the environment.
        examples: Further example operations of the IDE.

    Raises:
        SettingsProblems: The settings in the environment are invalid.
    """
    app = create_app(settings, examples=examples)
    gc.collect()
    # What exists now is needed until the process ends, so no later collection has to look at it.
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    return app


def _build_operations(
    settings: Settings, upstreams: Upstreams, telemetry: Telemetry
) -> tuple[OperationStack, Subscriber]:
    """Return what runs operations over the schema: in one request, and over long-lived connections."""
    schema = build_schema(
        queries=[one.query for one in upstreams.compositions if one.query is not None],
        mutations=[one.mutation for one in upstreams.compositions if one.mutation is not None],
    )
    execution = CompiledExecution(schema, suggestions=settings.answers_introspection)
    metrics, tracing = telemetry.metrics, telemetry.tracing
    surroundings = OperationSurroundings(
        upstreams.redis,
        upstreams.records,
        metrics.requests,
        metrics.spent,
        metrics.counting,
        None if tracing is None else tracing.traced,
    )
    stack = build_operation_stack(settings, core_schema(schema), execution, surroundings)
    return stack, Subscriber(core_schema(schema), execution, stack, settings.deadline_seconds)


def _rest(
    settings: Settings,
    upstreams: Upstreams,
    oauth: OAuth,
    subscriptions: Subscriptions,
    events: ComposedEvents,
    telemetry: Telemetry,
) -> FastAPI:
    termination = Termination(subscriptions.stop_accepting, settings.drain_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, ConnectionCounts]]:
        await telemetry.open()
        await upstreams.open()
        await events.open()
        with termination.watching():
            yield {COUNTS: telemetry.metrics.connections}
        # From the clients inwards: subscriptions end before the events that they follow, connections last.
        await subscriptions.close(settings.grace_seconds)
        await events.close()
        await oauth.close()
        await upstreams.close()
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
    add_health_routes(rest, lambda: termination.ready and subscriptions.accepting)
    rest.mount("/oauth/logistics", oauth.endpoint)
    return rest
