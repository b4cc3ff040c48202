"""The ASGI app of /oauth/logistics: rate limits and the cross-site rule before every route, and error responses."""

from ipaddress import IPv6Address, ip_address
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.cross_site import CrossSiteRule, is_top_level_navigation, shared_headers
from gateway.http.refusals import ClientGone
from gateway.http.request import headers_of
from gateway.http.response import adding, refusal
from gateway.oauth.login import LoginNotSetUp
from gateway.oauth.routes import BASE_PATH, SAFE_HEADERS, page
from gateway.operations.cost.budget import MINUTE, Buckets
from resolvers.errors import GatewayError, RateLimited

_ALL: Final = "all"
_IPV6_NETWORK_BITS: Final = 64
"""Providers assign each customer at least a /64, so its addresses count as one."""


class LoginLimits:
    """Limits login requests by address and in total; process lifetime.

    Each login that comes back calls the logistics API, whether or not it is genuine.

    Args:
        buckets: Count the requests.
        by_address: Requests per minute of one address, or of one IPv6 network of 64 bits.
        in_all: Requests per minute of all addresses together.
    """

    def __init__(self, buckets: Buckets, by_address: int, in_all: int) -> None:
        self._buckets = buckets
        self._by_address = by_address
        self._in_all = in_all
        self.refused = 0
        """Number of refused requests."""

    async def admit(self, scope: Scope) -> None:
        """Count one login request.

        Raises:
            RateLimited: There were too many within the last minute.
        """
        # By address first, so that a client over its own limit takes nothing from the limit of all.
        await self._take(source_of(scope), self._by_address)
        await self._take(_ALL, self._in_all)

    async def _take(self, source: str, capacity: int) -> None:
        level = await self._buckets.take(source, 1, capacity)
        if not level.granted:
            self.refused += 1
            # The bucket refills by `capacity` a minute, and has to hold one request again.
            wait = (1 - level.calls) * MINUTE / capacity
            raise RateLimited(
                "There were too many logins from here; wait a little, then start again.", retry_after=wait
            )


def source_of(scope: Scope) -> str:
    """Return the address of a request's client, or its network of 64 bits in IPv6."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    # All IPv4 clients of a socket that listens on IPv6 are in one /64 (RFC 4291, 2.5.5.2).
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> (128 - _IPV6_NETWORK_BITS))
    return str(address)


_NAVIGATIONS = frozenset({f"{BASE_PATH}/login", f"{BASE_PATH}/callback"})
_LOGINS = frozenset({*_NAVIGATIONS, f"{BASE_PATH}/session"})
_CORS_METHODS = b"GET, POST, DELETE"


class OAuthEndpoint:
    """ASGI app of everything below /oauth/logistics; process lifetime.

    Args:
        routes: The routes; None refuses every request, because the settings allow no logins.
        rule: Which pages may make a browser send requests.
        limits: Rate limits of logins.
    """

    def __init__(self, routes: list[Route] | None, rule: CrossSiteRule, limits: LoginLimits) -> None:
        self._rule = rule
        self._limits = limits
        served: list[Route] = routes if routes is not None else [Route("/{rest:path}", _refuse_all, methods=_METHODS)]
        app = Starlette(routes=served, exception_handlers={GatewayError: _refusal_handler, ClientGone: _client_gone})
        app.router.redirect_slashes = False
        self._app: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = headers_of(scope)
        try:
            # The consent page is on another site and sends the browser back by a link; the login's state cookie proves
            # that the same browser began it.
            linked = scope["path"] in _NAVIGATIONS and scope["method"] == "GET" and is_top_level_navigation(headers)
            listed = None if linked else self._rule.check(scope, headers)
            # A preflight calls no upstream, so it does not count.
            if scope["path"] in _LOGINS and scope["method"] != "OPTIONS":
                await self._limits.admit(scope)
        except GatewayError as error:
            await _refused(error, Request(scope))(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            preflight = Response(None, 204, SAFE_HEADERS)
            shared = shared_headers(listed) if listed else ()
            preflight.raw_headers.extend((*self._rule.preflight_headers(headers, _CORS_METHODS), *shared))
            await preflight(scope, receive, send)
            return
        await self._app(scope, receive, adding(shared_headers(listed), send) if listed else send)


_METHODS = ["GET", "POST", "DELETE"]


async def _refuse_all(_: Request) -> Response:
    raise LoginNotSetUp(
        "This gateway opens no sessions: its operator sets GATEWAY_SECRET_KEYS, GATEWAY_LOGISTICS__CLIENT_KEY and "
        "GATEWAY_LOGISTICS__SECRET_KEY for that."
    )


async def _refusal_handler(request: Request, error: Exception) -> Response:
    return _refused(error, request)


async def _client_gone(_: Request, __: Exception) -> Response:
    # Nobody reads it, but Starlette wants a response.
    return Response(None, 400)


def _refused(error: Exception, request: Request) -> Response:
    """The error as a page for a navigating browser, as JSON otherwise."""
    assert isinstance(error, GatewayError)  # noqa: S101 - what the handler is registered for
    reply = refusal(error)
    if request.scope["path"] in _NAVIGATIONS and "text/html" in request.headers.get("accept", ""):
        return page("You are not logged in", error.message, reply.status)
    response = Response(reply.body, reply.status, SAFE_HEADERS, "application/json")
    response.raw_headers.extend(reply.headers)
    return response
