"""The ASGI app of /graphql: from an HTTP request to an operation, and from its outcome to the response.

Theory of operation
-------------------
::

    request --+-- WebSocket -------------------------> sockets
              |
              +-- negotiated media type of a handler -> the IDE's page, or a streamed response
              |
              `-- JSON: authenticate, read, run ------> Reply -> response
                                        `-- an array -> batches
"""

import asyncio
import logging
from collections.abc import Mapping
from time import perf_counter
from typing import Generic, Protocol, TypeVar

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.compression import Compression
from gateway.http.cross_site import CrossSiteRule, is_top_level_navigation, shared_headers
from gateway.http.disconnects import DisconnectWatches
from gateway.http.durations import RequestDurations
from gateway.http.negotiation import GRAPHQL_RESPONSE, HTML, JSON, AcceptedCoding, Negotiate, negotiator
from gateway.http.operation_batches import OperationBatches
from gateway.http.refusals import ClientGone, CrossSite, HttpRefusal, MethodNotAllowed, NotAcceptable
from gateway.http.request import (
    REQUEST_ID,
    Headers,
    RequestIds,
    check_post,
    decode_get,
    decode_operations,
    headers_of,
    read_body,
    whole_body,
)
from gateway.http.response import (
    GET_HEADERS,
    POST_HEADERS,
    adding,
    for_old_clients,
    internal_error,
    refusal,
    start_of,
    unless_known,
    with_tag_of,
)
from gateway.operations.request import Header, Operations, Reply
from resolvers.errors import GatewayError

_METHODS = b"GET, POST"

logger = logging.getLogger(__name__)

CallerT = TypeVar("CallerT")
CallerT_co = TypeVar("CallerT_co", covariant=True)


class Authenticate(Protocol[CallerT_co]):
    """Identifies the caller of a request; process lifetime."""

    async def __call__(self, scope: Scope) -> CallerT_co:
        """Return the caller of the request with this ASGI scope.

        Raises:
            Unauthenticated: The credentials are missing or wrong.
        """
        ...


class EndpointConfig(msgspec.Struct, frozen=True):
    """Settings of the endpoint.

    Attributes:
        max_body_bytes: A larger request body is refused with 413.
        rule: Which pages of other sites may use the endpoint.
        durations: Measures the requests that are answered here, streams aside.
        compression: Compresses responses; None sends all as they are.
    """

    max_body_bytes: int = 1_048_576
    rule: CrossSiteRule = msgspec.field(default_factory=CrossSiteRule)
    durations: RequestDurations = msgspec.field(default_factory=RequestDurations)
    compression: Compression | None = None


class _Exchange(msgspec.Struct, gc=False):
    """One HTTP request, and what is decided about its response while it is handled."""

    scope: Scope
    receive: Receive
    send: Send
    headers: Headers
    request_id: str
    media_type: bytes = JSON
    headers_out: tuple[Header, ...] = GET_HEADERS[JSON]
    coding: AcceptedCoding | None = None


class Endpoint(Generic[CallerT]):
    """GraphQL over HTTP as an ASGI app; process lifetime.

    It handles HTTP only: `authenticate` finds the caller, and `operations` runs the operation. Other requests go to the
    handlers: ASGI apps that find the request's id in the scope under `REQUEST_ID`, whose requests have passed the
    cross-site rule, and that may raise any `GatewayError` before their response has begun.

    Args:
        operations: Runs operations.
        authenticate: Authenticates the caller of a request.
        config: Settings of the endpoint.
        page: Handles a GET from a client that prefers `text/html`: the IDE.
        streams: By media type: handle GET and POST of clients that prefer it, such as `text/event-stream`.
        sockets: Handles WebSockets.
        batches: Runs batches of operations; None refuses them.
    """

    def __init__(  # noqa: PLR0913 - one for each kind of request
        self,
        operations: Operations[CallerT],
        authenticate: Authenticate[CallerT],
        config: EndpointConfig,
        *,
        page: ASGIApp | None = None,
        streams: Mapping[bytes, ASGIApp] | None = None,
        sockets: ASGIApp | None = None,
        batches: OperationBatches[CallerT] | None = None,
    ) -> None:
        self._batches = batches
        self._max_batch = 0 if batches is None else batches.config.operations
        self._durations = config.durations
        self._compression = config.compression
        self._operations = operations
        self._authenticate = authenticate
        self._max_body_bytes = config.max_body_bytes
        self._rule = config.rule
        self._checks_names = config.rule.checks_names
        self._request_ids = RequestIds()
        self._disconnect_watches = DisconnectWatches()
        self._streams = dict(streams or {})
        self._pages = {HTML: page, **self._streams} if page else self._streams
        self._sockets = sockets
        self._negotiate_post = negotiator((GRAPHQL_RESPONSE, JSON, *self._streams))
        self._negotiate_get = negotiator((GRAPHQL_RESPONSE, JSON, *self._pages))
        self._routes = {"POST": self._route_post, "GET": self._route_get, "HEAD": self._route_get}
        self._routes["OPTIONS"] = self._route_options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request or one WebSocket."""
        began = perf_counter()
        headers = headers_of(scope)
        exchange = _Exchange(scope, receive, send, headers, self._request_ids.of(headers))
        if scope["type"] == "websocket":
            await self._serve_socket(exchange)
            return
        try:
            handler = self._routes.get(scope["method"], self._refuse_method)(exchange)
            # After the route, which lets pages of listed origins read the refusal.
            if self._compression is not None and b"accept-encoding" in headers:
                exchange.coding = self._compression.coding_of(headers)
            if handler is not None:
                await _delegate(handler, exchange)
                return
            reply = await self._execute(exchange)
            # A 304 is an answer to GET and HEAD only (RFC 9110, 13.1.2).
            if scope["method"] != "POST":
                reply = unless_known(self._tagged(reply, exchange.coding), headers)
        except ClientGone:
            logger.debug("The client of request %s left before it was answered.", exchange.request_id)
            return
        except GatewayError as error:
            reply = refusal(error)
        coding, compression = exchange.coding, self._compression
        if coding is not None and compression is not None and compression.applies(coding, len(reply.body)):
            reply = await compression.compressed(reply, coding.name)
        # Not in a function of its own: each additional await costs on every request.
        await exchange.send(start_of(reply, exchange.headers_out, exchange.request_id))
        await exchange.send({"type": "http.response.body", "body": reply.body})
        self._durations.add(scope["method"], reply.status, perf_counter() - began)

    async def _execute(self, exchange: _Exchange) -> Reply:
        """Read the request and run its operation.

        Raises:
            HttpRefusal: The request is not GraphQL over HTTP.
            ClientGone: The client disconnected, and the operation was cancelled.
        """
        # One function for all steps, because each additional await costs on every request.
        scope, watch = exchange.scope, None
        try:
            # Before the body is read, so that only known callers make the process read one.
            caller = await self._authenticate(scope)
            if scope["method"] == "POST":
                check_post(exchange.headers, self._max_body_bytes)
                message = await exchange.receive()
                body = whole_body(message, self._max_body_bytes)
                if body is None:
                    body = await read_body(message, exchange.receive, self._max_body_bytes)
                request = decode_operations(body, exchange.request_id, self._max_batch)
            else:
                request = decode_get(scope["query_string"], exchange.request_id)
            watch = self._disconnect_watches.watch(exchange.receive)
            if isinstance(request, list):
                assert self._batches is not None  # noqa: S101 - otherwise an array was refused
                reply = await self._batches.run(request, scope, caller)
            else:
                reply = await self._operations.run(request, scope, caller)
        except (HttpRefusal, ClientGone):
            # Not a reply below, because errors of HTTP itself keep their status for old clients too.
            raise
        except asyncio.CancelledError:
            # Only the watch's own cancellation means that the client has left; that of a shutdown goes on.
            if watch is None or not watch.left:
                raise
            raise ClientGone from None
        except GatewayError as error:
            reply = refusal(error)
        except Exception:
            logger.exception("Request %s met an error that nothing foresaw.", exchange.request_id)
            reply = internal_error()
        finally:
            if watch is not None:
                watch.end()
        return for_old_clients(reply) if exchange.media_type == JSON else reply

    def _tagged(self, reply: Reply, coding: AcceptedCoding | None) -> Reply:
        """Return the reply with the entity tag of the form that it is going to be sent in."""
        compression = self._compression
        if coding is None or compression is None or not compression.applies(coding, len(reply.body)):
            return reply
        return with_tag_of(coding.name, reply)

    def _route_post(self, exchange: _Exchange) -> ASGIApp | None:
        self._admit(exchange)
        media_type = _choose(exchange, self._negotiate_post)
        if media_type in self._streams:
            return self._streams[media_type]
        exchange.media_type = media_type
        exchange.headers_out = POST_HEADERS[media_type]
        return None

    def _route_get(self, exchange: _Exchange) -> ASGIApp | None:
        try:
            media_type = _choose(exchange, self._negotiate_get)
        except NotAcceptable:
            self._admit(exchange)
            raise
        # The page itself runs no operation, so links to it from other sites may be followed.
        if media_type != HTML or not is_top_level_navigation(exchange.headers):
            self._admit(exchange)
        if media_type in self._pages:
            return self._pages[media_type]
        exchange.media_type = media_type
        exchange.headers_out = GET_HEADERS[media_type]
        return None

    def _route_options(self, exchange: _Exchange) -> ASGIApp:
        self._admit(exchange)
        return _empty_response((*MethodNotAllowed.headers, *self._rule.preflight_headers(exchange.headers, _METHODS)))

    def _refuse_method(self, exchange: _Exchange) -> None:
        self._admit(exchange)
        raise MethodNotAllowed("This endpoint answers GET and POST; see its Allow header.")

    def _admit(self, exchange: _Exchange) -> None:
        headers = exchange.headers
        # Requests of programs have neither header, and are spared the check.
        if b"origin" in headers or b"sec-fetch-site" in headers or self._checks_names:
            listed = self._rule.check(exchange.scope, headers)
            if listed is not None:
                exchange.send = adding(shared_headers(listed), exchange.send)

    async def _serve_socket(self, exchange: _Exchange) -> None:
        try:
            self._admit(exchange)
        except CrossSite as error:
            await _refuse_socket(exchange, error.message)
            return
        if self._sockets is None:
            await _refuse_socket(exchange, "This endpoint serves no WebSockets.")
            return
        await self._sockets({**exchange.scope, REQUEST_ID: exchange.request_id}, exchange.receive, exchange.send)


def _choose(exchange: _Exchange, negotiate: Negotiate) -> bytes:
    accept = exchange.headers.get(b"accept")
    return JSON if accept is None else negotiate(accept)


async def _delegate(handler: ASGIApp, exchange: _Exchange) -> None:
    request_id = exchange.request_id
    send = adding(((b"x-request-id", request_id.encode("ascii")),), exchange.send)
    await handler({**exchange.scope, REQUEST_ID: request_id}, exchange.receive, send)


def _empty_response(headers: tuple[Header, ...]) -> ASGIApp:
    async def respond(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return respond


async def _refuse_socket(exchange: _Exchange, reason: str) -> None:
    # ASGI's connect event has to be received before the refusal is sent.
    await exchange.receive()
    await exchange.send({"type": "websocket.close", "code": 1008, "reason": reason})
