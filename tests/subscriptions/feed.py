"""A small schema whose subscription gives what a test tells it to, and the gateway's transports over it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import strawberry
from starlette.types import ASGIApp

from gateway.auth.callers import Caller
from gateway.http.endpoint import Endpoint, EndpointConfig
from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.cost.estimates import CostConfig, Costs
from gateway.operations.documents.documents import Documents
from gateway.operations.documents.persisted import AutomaticDocuments, LocalDocuments, PersistedOperations
from gateway.operations.documents.request_limits import RequestCounts, RequestLimits
from gateway.operations.execution import core_schema
from gateway.operations.responses.encoding import ResponseWriter
from gateway.operations.runner import Runner, RunnerConfig, RunningMutations, UninterruptedMutations
from gateway.operations.stack import OperationStack
from gateway.subscriptions.connections import SubscriptionsConfig
from gateway.subscriptions.subscriber import Subscriber
from gateway.subscriptions.subscriptions import Subscriptions
from resolvers.errors import BadInput, GatewayError, NoSuchRecord
from resolvers.selection import OperationInfo
from tests.subscriptions.identities import Identities

MAX_MESSAGE_BYTES = 20_000


@dataclass(frozen=True)
class Event:
    number: int
    cursor: str
    text: str = ""


@dataclass(eq=False)
class Source:
    """What one subscriber follows; the test puts events, an error or None, which is the end, into the queue."""

    after: str | None
    context: object
    events: "asyncio.Queue[Event | Exception | None]" = field(default_factory=asyncio.Queue)
    pulled: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> AsyncIterator[Event]:
        try:
            while (event := await self.events.get()) is not None:
                if isinstance(event, BadInput | ZeroDivisionError):
                    raise event
                self.pulled += 1
                yield event  # type: ignore[misc]  # an error that is given out is the outcome of its field
        finally:
            self.closed.set()


@dataclass(eq=False)
class Feed:
    """All sources of a test, in the order in which they were subscribed to; lives as long as the test."""

    sources: list[Source] = field(default_factory=list)
    opened: "asyncio.Queue[Source]" = field(default_factory=asyncio.Queue)
    loaders: list[object] = field(default_factory=list)
    touched: asyncio.Event = field(default_factory=asyncio.Event)
    may_touch: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self, after: str | None, context: object) -> Source:
        source = Source(after, context)
        self.sources.append(source)
        self.opened.put_nowait(source)
        return source

    def number_of(self, loaders: object) -> int:
        """The same number for the same loaders."""
        if not any(loaders is known for known in self.loaders):
            self.loaders.append(loaders)
        return next(number for number, known in enumerate(self.loaders, 1) if known is loaders)


def feed_schema(feed: Feed) -> strawberry.Schema:
    async def resolve_load(info: OperationInfo) -> int:
        return feed.number_of(info.context.loaders)

    async def resolve_events(after: str | None = None, *, info: OperationInfo) -> AsyncIterator[Event]:
        if after == "never made":
            raise BadInput("No cursor of this gateway looks like that.", path=["after"])
        return feed.open(after, info.context).read()

    async def resolve_hello(name: str = "world") -> str:
        return f"Hello, {name}"

    async def resolve_touch() -> bool:
        await feed.may_touch.wait()
        feed.touched.set()
        return True

    @strawberry.type(name="Event")
    class EventType:
        number: int
        cursor: str
        text: str
        loaded: int = strawberry.field(resolver=resolve_load)

    @strawberry.type
    class Query:
        hello: str = strawberry.field(resolver=resolve_hello)

    @strawberry.type
    class Mutation:
        touch: bool = strawberry.mutation(resolver=resolve_touch)

    @strawberry.type
    class Subscription:
        events = strawberry.subscription(resolver=resolve_events, graphql_type=EventType)

    return strawberry.Schema(Query, Mutation, Subscription)


def unknown_record() -> GatewayError:
    return NoSuchRecord("There is no such thing.")


@dataclass(frozen=True)
class Served:
    """The app of a test and what is behind it."""

    app: ASGIApp
    subscriptions: Subscriptions
    subscriber: Subscriber
    execution: CompiledExecution
    stack: OperationStack


def build(feed: Feed, identities: Identities, config: SubscriptionsConfig) -> Served:
    strawberry_schema = feed_schema(feed)
    schema, execution = core_schema(strawberry_schema), CompiledExecution(strawberry_schema)
    limits = RequestLimits(document_bytes=MAX_MESSAGE_BYTES, variable_values=100, counts=RequestCounts())
    documents, persisted = Documents(schema), AutomaticDocuments(LocalDocuments())
    costs, mutations, writer = Costs(schema, CostConfig()), RunningMutations(), ResponseWriter()
    runner = Runner(documents, execution, costs, limits, RunnerConfig(), writer)
    operations = PersistedOperations(UninterruptedMutations(runner, documents, mutations), persisted, limits)
    stack = OperationStack(operations, operations, documents, limits, persisted, costs, None, mutations, writer)
    subscriber = Subscriber(schema, execution, stack, config.deadline_seconds)
    subscriptions = Subscriptions(subscriber, identities.connection, config, now=lambda: identities.now)
    endpoint: Endpoint[Caller] = Endpoint(
        operations,
        identities.request,
        EndpointConfig(MAX_MESSAGE_BYTES),
        streams=subscriptions.streams,
        sockets=subscriptions.sockets,
    )
    return Served(endpoint, subscriptions, subscriber, execution, stack)
