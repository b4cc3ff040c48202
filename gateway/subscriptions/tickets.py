"""The ASGI apps around tickets: one issues them, the other opens streams of server-sent events with them."""

from typing import Final, Protocol
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.auth.callers import Caller
from gateway.auth.cookies import Site
from gateway.auth.credentials import CallerCredentials, credentials_of
from gateway.auth.tickets import Tickets
from gateway.http.cross_site import shared_headers
from gateway.http.refusals import BadRequest, ClientGone, MethodNotAllowed
from gateway.http.request import TICKET, check_post, headers_of, read_body
from gateway.http.response import adding, refusal
from gateway.operations.request import Header
from resolvers.errors import GatewayError, Unauthenticated

TICKET_PATH: Final = "/graphql/ticket"

_MAX_BODY_BYTES: Final = 1024
_ALLOWED: Final[Header] = (b"allow", b"POST, OPTIONS")
# Never compressed, and never kept.
_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
)


class Authenticate(Protocol):
    """Identifies the caller of a request; process lifetime."""

    async def __call__(self, scope: Scope) -> Caller:
        """Return the caller. Raises GatewayError if the credentials are missing or wrong."""
        ...


class TicketEndpoint:
    """ASGI app that issues tickets. Lifetime: until a reload.

    Args:
        tickets: Issues them.
        authenticate: Authenticates the caller.
        site: Which pages may ask, and how cookies are read.
    """

    def __init__(self, tickets: Tickets, authenticate: Authenticate, site: Site) -> None:
        self._tickets = tickets
        self._authenticate = authenticate
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = headers_of(scope)
        try:
            listed = self._site.rule.check(scope, headers)
            send = adding(shared_headers(listed), send) if listed is not None else send
            if scope["method"] == "OPTIONS":
                await _respond(send, 204, (_ALLOWED, *self._site.rule.preflight_headers(headers, b"POST")))
                return
            ticket = await self._issue(scope, receive)
            body = msgspec.json.encode({"ticket": ticket, "expiresInSeconds": self._tickets.seconds})
            await _respond(send, 200, _HEADERS, body)
        except ClientGone:
            return
        except GatewayError as error:
            reply = refusal(error)
            await _respond(send, reply.status, (*_HEADERS, *reply.headers), reply.body)

    async def _issue(self, scope: Scope, receive: Receive) -> str:
        if scope["method"] != "POST":
            raise _PostOnly("A ticket is given by POST alone.")
        # What keeps forms of other pages from /graphql keeps them from here.
        check_post(headers_of(scope), _MAX_BODY_BYTES)
        caller = await self._authenticate(scope)
        await read_body(await receive(), receive, _MAX_BODY_BYTES)
        credentials = credentials_of(scope, self._site.cookies) or CallerCredentials()
        return await self._tickets.issue(caller.name, credentials)


class _PostOnly(MethodNotAllowed):
    """Another method than POST."""

    headers = (_ALLOWED,)


class TicketedStreams:
    """ASGI app of server-sent events that takes tickets in place of credentials; process lifetime.

    Args:
        streams: Serves the stream of a request that has its credentials in headers.
        tickets: Returns what tickets stand for.
    """

    def __init__(self, streams: ASGIApp, tickets: Tickets) -> None:
        self._streams = streams
        self._tickets = tickets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            BadRequest: There are several tickets.
            Unauthenticated: The ticket is of no use, or there are credentials beside it.
            GatewayError: As the streams raise before their response has begun.
        """
        # By another method, `decode_get` or the missing credentials refuse the request.
        if scope["method"] == "GET" and TICKET.encode() in scope["query_string"]:
            scope = await self._with_credentials(scope)
        await self._streams(scope, receive, send)

    async def _with_credentials(self, scope: Scope) -> Scope:
        """Return the scope with the credentials in place of the ticket, which nothing behind this one sees."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value for name, value in pairs if name == TICKET]
        if not shown:
            return scope
        if len(shown) > 1:
            raise BadRequest("Several tickets are given; send one.")
        if credentials_of(scope, None) is not None:
            raise Unauthenticated("Send a ticket, or a key or token in the headers, but not both.")
        given = await self._tickets.redeem(shown[0])
        # Without cookies: the ticket has the session of the moment at which it was given, if there was one.
        others = [header for header in scope["headers"] if header[0] not in (b"cookie", b"authorization")]
        rest = urlencode([pair for pair in pairs if pair[0] != TICKET]).encode()
        return {**scope, "headers": [*others, *given], "query_string": rest}


async def _respond(send: Send, status: int, headers: tuple[Header, ...], body: bytes = b"") -> None:
    length = (b"content-length", b"%d" % len(body))
    framed = headers if status == 204 else (*headers, length)
    await send({"type": "http.response.start", "status": status, "headers": framed})
    await send({"type": "http.response.body", "body": body})
