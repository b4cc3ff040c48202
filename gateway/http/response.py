"""Builds HTTP responses: their headers, refusals, 304, and the security headers of responses beside /graphql."""

from collections.abc import Mapping
from math import ceil
from typing import Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.negotiation import GRAPHQL_RESPONSE, JSON
from gateway.http.refusals import HttpRefusal
from gateway.http.request import Headers
from gateway.operations.cost.budget import BudgetSpent
from gateway.operations.request import Header, MutationByGet, Reply, RequestTooLarge
from gateway.operations.responses.report import internal_error_body, refusal_body
from resolvers.errors import GatewayError, Unauthenticated

_STATUSES = {
    "BAD_INPUT": 400,
    "OPERATION_TOO_EXPENSIVE": 400,
    "PERSISTED_QUERY_NOT_FOUND": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "RATE_LIMITED": 429,
    "UPSTREAM_UNAVAILABLE": 503,
    "EVENTS_UNAVAILABLE": 503,
}
_STATUSES_OF_TYPES: Final[Mapping[type[GatewayError], int]] = {MutationByGet: 405, RequestTooLarge: 413}
# A response is for one caller; `response_cache.py` replaces this where a browser may keep it.
_FIXED: tuple[Header, ...] = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_VARYING: Header = (b"vary", b"accept, accept-encoding, origin")
# Several add up (RFC 9110, 12.5.5), while of others the second would contradict the first.
_REPEATABLE = frozenset({b"vary"})


def _content_type(media_type: bytes) -> Header:
    return b"content-type", media_type + b"; charset=utf-8"


POST_HEADERS: dict[bytes, tuple[Header, ...]] = {
    media_type: (_content_type(media_type), *_FIXED) for media_type in (JSON, GRAPHQL_RESPONSE)
}
"""The headers of the response to a POST, by media type; POST responses are never cached, so they need no `Vary`."""

GET_HEADERS: dict[bytes, tuple[Header, ...]] = {
    media_type: (*headers, _VARYING) for media_type, headers in POST_HEADERS.items()
}
"""The headers of the response to a GET, by media type."""


def start_of(reply: Reply, base: tuple[Header, ...], request_id: str) -> Message:
    """Return the ASGI message that starts a response.

    Args:
        reply: The outcome of the operation.
        base: The headers by method and media type; the reply's own replace them.
        request_id: Sent as `X-Request-ID`.
    """
    identity = (b"x-request-id", request_id.encode("ascii"))
    length = (b"content-length", b"%d" % len(reply.body))
    if reply.headers:
        base = _merged(base, reply.headers)
    # A 304 has no body that these headers could describe (RFC 9110, 15.4.5).
    headers = (*base, length, identity) if reply.status != 304 else (*_without_content(base), identity)
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


def for_old_clients(reply: Reply) -> Reply:
    """Return the reply with status 200 if it is a request error, as clients of `application/json` expect."""
    return reply if reply.executed or reply.status != 400 else msgspec.structs.replace(reply, status=200)


def with_tag_of(coding: bytes, reply: Reply) -> Reply:
    """Return the reply with the entity tag of its form in this coding, which has other bytes (RFC 9110, 8.8.3.3)."""
    headers = tuple(
        (name, value[:-1] + b"-" + coding + b'"' if name == b"etag" else value) for name, value in reply.headers
    )
    return msgspec.structs.replace(reply, headers=headers)


def unless_known(reply: Reply, headers: Headers) -> Reply:
    """Return the reply, or a 304 if the client already has its body.

    Args:
        reply: The outcome of a GET request.
        headers: The request's headers.
    """
    wanted = headers.get(b"if-none-match")
    if wanted is None or reply.status != 200:
        return reply
    # Weak comparison (RFC 9110, 13.1.2): a proxy that compresses the body makes the tag weak.
    tag = next((value for name, value in reply.headers if name == b"etag"), None)
    known = {part.strip().removeprefix(b"W/") for part in wanted.split(b",")}
    if tag is None or not known & {b"*", tag.removeprefix(b"W/")}:
        return reply
    return msgspec.structs.replace(reply, status=304, body=b"")


def refusal(error: GatewayError) -> Reply:
    """Return the reply to a request that was refused with this error."""
    return Reply(_status_of(error), refusal_body(error), _error_headers(error), executed=False, has_errors=True)


def internal_error() -> Reply:
    """Return the reply to a request that met an unexpected error; it says nothing about the error."""
    return Reply(500, internal_error_body(), executed=False, has_errors=True)


def adding(headers: tuple[Header, ...], send: Send) -> Send:
    """Wrap `send` so that the response has these headers as well."""

    async def send_added(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *headers]
        await send(message)

    return send_added


def _without_content(headers: tuple[Header, ...]) -> tuple[Header, ...]:
    return tuple(header for header in headers if header[0] != b"content-type")


def _merged(base: tuple[Header, ...], own: tuple[Header, ...]) -> tuple[Header, ...]:
    replaced = {name for name, _ in own} - _REPEATABLE
    return (*(header for header in base if header[0] not in replaced), *own)


def _status_of(error: GatewayError) -> int:
    if isinstance(error, HttpRefusal):
        return error.status
    return _STATUSES_OF_TYPES.get(type(error)) or _STATUSES.get(error.code, 500)


def _error_headers(error: GatewayError) -> tuple[Header, ...]:
    headers = error.headers if isinstance(error, HttpRefusal | BudgetSpent) else ()
    if isinstance(error, MutationByGet):
        headers = (*headers, (b"allow", b"POST"))
    if isinstance(error, Unauthenticated):
        # A 401 must have it (RFC 9110, 15.5.2).
        headers = (*headers, (b"www-authenticate", b"Bearer"))
    if error.retry_after is not None:
        # In whole seconds (RFC 9110, 10.2.3), rounded up, so that a client does not come back too early.
        headers = (*headers, (b"retry-after", b"%d" % ceil(error.retry_after)))
    return headers


HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # For browsers older than `frame-ancestors` below.
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # Without `default-src`, which a script that becomes a worker would inherit.
    (b"content-security-policy", b"frame-ancestors 'none'"),
)
"""The security headers of responses that are not pages; pages have a policy of their own."""


class SecurityHeaders:
    """Adds security headers to an app's responses; process lifetime.

    Args:
        app: The ASGI app; headers of its own take precedence.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_added(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message.get("headers", ())}
                added = [header for header in HEADERS if header[0] not in present]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, send_added if scope["type"] == "http" else send)
