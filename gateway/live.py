"""What is built from the settings that reload, and its replacement as a whole.

Theory of operation
-------------------
::

    Process      connections, caches, events, stores, metrics, schema: built once
       |
       v
    Live         accounts, authentication, operation stack, site, logins, endpoint: built anew by each reload

A request takes the endpoint that is there when it comes, and with it all the rest: it ends with the settings that it
began with, and no step of it has to look up which settings hold. `renewed` does all that can fail; after that,
replacing is nothing but a few assignments. What outlives a `Live` refers to it through functions that ask for the one
in force: the transports of subscriptions, the path of the logins, and the metrics.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry import Schema

from gateway.auth.authentication import Authentication
from gateway.auth.build import build_authentication, build_key_holders, build_key_set
from gateway.auth.callers import Caller
from gateway.auth.cookies import Site
from gateway.auth.key_set import KeySet
from gateway.auth.tickets import build_tickets
from gateway.composition.events import ComposedEvents, compose_events
from gateway.composition.idempotency import compose_keys
from gateway.composition.upstream import UpstreamComposition
from gateway.composition.upstreams import Upstreams, build_upstreams
from gateway.http.compression import build_compression
from gateway.http.endpoint import Endpoint, EndpointConfig
from gateway.http.negotiation import EVENT_STREAM
from gateway.http.operation_batches import BatchConfig, OperationBatches
from gateway.oauth.build import OAuth, build_account_tokens, build_oauth
from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.documents.persisted import ManifestProblem
from gateway.operations.execution import core_schema
from gateway.operations.stack import (
    OperationStack,
    OperationSurroundings,
    build_operation_stack,
    operation_settings,
)
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsProblems
from gateway.status.recent import RecentOperations
from gateway.subscriptions.connections import subscriptions_config
from gateway.subscriptions.subscriber import Subscriber
from gateway.subscriptions.subscriptions import Subscriptions
from gateway.subscriptions.tickets import TicketedStreams, TicketEndpoint
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.operation_metrics import trusted_names
from gateway.telemetry.subscription_traces import TracedSubscriptions
from gateway.telemetry.tracing_setup import build_tracing
from schema.root import build_schema


@dataclass(frozen=True, slots=True)
class Operations:
    """How operations are run. Lifetime: until a setting of operations changes.

    Args:
        settings: What they are built from; see `operation_settings`.
        names: The label of each trusted document in the metrics.
        execution: Executes them.
        stack: The steps of each.
    """

    settings: tuple[object, ...]
    names: Mapping[str, str]
    execution: CompiledExecution
    stack: OperationStack


@dataclass(frozen=True, slots=True)
class Live:
    """Everything that is built from settings that reload. Lifetime: until the next reload.

    Args:
        settings: The settings in force.
        upstreams: With the accounts.
        key_set: The keys of the issuer of JWTs; None without one.
        authentication: Identifies callers.
        operations: How operations are run.
        oauth: Logins and sessions.
        endpoint: Serves /graphql.
        tickets: Gives the tickets for streams.
    """

    settings: Settings
    upstreams: Upstreams
    key_set: KeySet | None
    authentication: Authentication
    operations: Operations
    oauth: OAuth
    endpoint: ASGIApp
    tickets: ASGIApp


class _InForce:
    """ASGI app that passes requests on to the one that is in force; process lifetime."""

    # No function, which a route would call with a request instead.
    def __init__(self, app: Callable[[], ASGIApp]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app()(scope, receive, send)


class Process:
    """The parts that no reload replaces, and the `Live` in force. Lifetime: process.

    Args:
        settings: The settings at the start.
        page: The IDE's page at /graphql, served where the settings allow it.
        now: The wall clock for the expiry of tokens and sessions, in seconds since 1970.
        others: Upstreams from outside, besides the gateway's own.

    Attributes:
        live: What is in force.
        metrics: The process's metrics.
        tracing: Traces operations; None where no traces are wanted.
        events: The events of status changes.
        subscriptions: The long-lived transports.
        recent: The operations that failed or were slow, for the status page.
        tickets: Serves requests for a ticket.
        keys: The callers' idempotency keys.
    """

    def __init__(
        self,
        settings: Settings,
        page: ASGIApp,
        now: Callable[[], float] = time.time,
        others: Sequence[UpstreamComposition[Any]] = (),
    ) -> None:
        self._page = page
        self._now = now
        self._compression = build_compression(settings)
        self.metrics = Metrics(trusted_names(settings.trusted_documents))
        self.tracing = build_tracing(os.environ, self.metrics.spans)
        upstreams = build_upstreams(settings, self.metrics.calls, build_account_tokens(settings, now), others)
        self.events: ComposedEvents = compose_events(settings, upstreams)
        # Once: no setting that reloads changes it, and building it again would make all plans void.
        events = settings.events
        self._tickets = build_tickets(
            upstreams.redis, settings.redis_prefix, events.connections_per_caller, events.ticket_seconds
        )
        self.tickets: ASGIApp = _InForce(lambda: self.live.tickets)
        self._schema = _schema(upstreams)
        self.recent = RecentOperations()
        self.keys = compose_keys(settings, self.metrics.idempotency, now)
        self._surroundings = OperationSurroundings(
            upstreams.redis,
            upstreams.records,
            self.metrics.requests,
            self.metrics.spent,
            self.metrics.counting,
            None if self.tracing is None else self.tracing.traced,
            # Only the status page shows them.
            None if settings.status_key is None else self.recent.note,
            redis_times=upstreams.redis_times,
            keys=self.keys,
        )
        operations = self._operations(settings)
        self._subscriber = Subscriber(
            core_schema(self._schema),
            operations.execution,
            operations.stack,
            settings.deadline_seconds,
            None if self.tracing is None else TracedSubscriptions(self.tracing),
        )
        config = subscriptions_config(settings, self._compression)
        self.subscriptions = Subscriptions(self._subscriber, self._authenticate, config, now)
        self.live = self._built(settings, upstreams, build_key_set(settings.auth), operations)

    async def renewed(self, settings: Settings) -> Live:
        """Return what is built from other settings; nothing of it is in force yet.

        Raises:
            SettingsProblems: Something that the settings name cannot be used.
        """
        before = self.live
        key_set = await _renewed_keys(before, settings)
        try:
            operations = before.operations
            # Otherwise the stack stays, with all the documents, plans and responses that it knows.
            if operation_settings(settings) != operations.settings:
                operations = self._operations(settings)
            upstreams = before.upstreams.with_accounts(before.settings, settings)
        except ManifestProblem as problem:
            raise SettingsProblems([f"GATEWAY_TRUSTED_DOCUMENTS: {problem}"]) from None
        except OSError as error:
            # Of certificates: they were right a moment ago, when the settings were read.
            raise SettingsProblems([f"A certificate or its key changed while it was read: {error}"]) from None
        return self._built(settings, upstreams, key_set, operations, before.oauth)

    async def use(self, live: Live) -> None:
        """Put in force what `renewed` returned, and end the connections that it allows no longer."""
        before, self.live = self.live, live
        self.events.attach(live.upstreams)
        if live.operations is not before.operations:
            self._subscriber.use(live.operations.execution, live.operations.stack)
            self.metrics.operations.rename(live.operations.names)
            before.operations.stack.retire()
        # Last, since it asks the authentication that is in force.
        await self.subscriptions.recheck()

    def watch(self) -> None:
        """Show the state of the parts in the metrics."""
        self.metrics.watch(
            self.live.upstreams.records,
            addresses=lambda: self.live.upstreams.addresses,
            certificates=lambda: self.live.upstreams.certificates(self.live.settings),
            open_connections=lambda: self.subscriptions.open_connections,
            refused_logins=lambda: self.live.oauth.limits.refused,
            events=self.events.events,
            sent=self._subscriber.counts,
            compression=self._compression,
            redis_times=self.live.upstreams.redis_times if self.live.upstreams.redis is not None else None,
        )

    async def logins(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of logins and sessions."""
        await self.live.oauth.endpoint(scope, receive, send)

    async def _authenticate(self, scope: Scope, payload: Mapping[str, object] | None) -> Caller:
        while True:
            authentication = self.live.authentication
            caller = await authentication.socket(scope, payload)
            # A caller of the settings before would be among those that the reload has already checked.
            if authentication is self.live.authentication:
                return caller

    def _built(
        self,
        settings: Settings,
        upstreams: Upstreams,
        key_set: KeySet | None,
        operations: Operations,
        oauth: OAuth | None = None,
    ) -> Live:
        site = Site.of(settings)
        key_holders = build_key_holders(settings.auth, upstreams, key_set, self._now)
        oauth = build_oauth(settings, upstreams, site, key_holders, self._now, oauth)
        authentication = build_authentication(settings.auth, upstreams, key_holders, site.cookies, oauth.callers)
        stack, limits = operations.stack, settings.limits
        batches = OperationBatches(stack.batched, stack.is_mutation, BatchConfig(limits.batch, limits.response_bytes))
        streams = dict(self.subscriptions.streams)
        streams[EVENT_STREAM] = TicketedStreams(streams[EVENT_STREAM], self._tickets)
        endpoint = Endpoint(
            stack.operations,
            authentication,
            EndpointConfig(settings.max_body_bytes, site.rule, self.metrics.requests_served, self._compression),
            page=self._page if settings.serves_ide else None,
            streams=streams,
            sockets=self.subscriptions.sockets,
            batches=batches,
        )
        tickets = TicketEndpoint(self._tickets, authentication, site)
        return Live(settings, upstreams, key_set, authentication, operations, oauth, endpoint, tickets)

    def _operations(self, settings: Settings) -> Operations:
        """Build what runs operations over the schema: in one request, and over long-lived connections."""
        execution = CompiledExecution(self._schema, suggestions=settings.answers_introspection)
        stack = build_operation_stack(settings, core_schema(self._schema), execution, self._surroundings)
        names = trusted_names(settings.trusted_documents)
        return Operations(operation_settings(settings), names, execution, stack)


def _schema(upstreams: Upstreams) -> Schema:
    return _schema_with(
        tuple(one.query for one in upstreams.compositions if one.query is not None),
        tuple(one.mutation for one in upstreams.compositions if one.mutation is not None),
    )


@cache
def _schema_with(queries: tuple[type, ...], mutations: tuple[type, ...]) -> Schema:
    # One for all apps of a process, because to build it is most of an app's start, and no setting changes it.
    return build_schema(queries, mutations)


async def _renewed_keys(before: Live, settings: Settings) -> KeySet | None:
    """Return the keys of the issuer, fetched again: at a reload an operator expects those that hold now.

    Raises:
        SettingsProblems: There is another URL, and no keys at it.
    """
    if before.key_set is not None and settings.auth.jwks_url == before.settings.auth.jwks_url:
        # Where this fails, the keys known so far stay, as they do in the hours between two reloads.
        await before.key_set.renew()
        return before.key_set
    key_set = build_key_set(settings.auth)
    problem = None if key_set is None else await key_set.renew()
    if problem is not None:
        raise SettingsProblems([f"GATEWAY_AUTH__JWKS_URL: {problem}"])
    return key_set
