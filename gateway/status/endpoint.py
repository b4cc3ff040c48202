"""The routes of `/status`: who may see them, the page, the JSON document and the stream of events."""

import asyncio
import binascii
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, TypeVar

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.http.cross_site import CrossSiteRule, is_top_level_navigation
from gateway.http.refusals import HttpRefusal
from gateway.http.request import headers_of
from gateway.http.response import refusal
from gateway.oauth.endpoint import source_of
from gateway.operations.cost.budget import MINUTE, Buckets, Budgets
from gateway.status.document import Status
from gateway.status.merge import make_status
from gateway.status.page import asset, html_page, live_page
from gateway.status.worker import decode_state
from gateway.telemetry.process_group import ProcessGroup
from resolvers.errors import GatewayError, RateLimited

QUESTION: Final = "status"
"""What workers ask each other for."""

USER: Final = "operator"
"""The user name beside the key, which HTTP Basic needs."""

WRONG_KEYS_PER_MINUTE: Final = 10
"""How many wrong keys an address may send."""

MAX_HEADER_BYTES: Final = 1024
"""Of `Authorization`; far beyond any key."""

EVENT_SECONDS: Final = 2.0
"""Between two events of a stream."""

KEPT_SECONDS: Final = 1.0
"""How long one document serves all who ask, so that streams do not multiply the work."""

MAX_STREAMS: Final = 8
"""Streams of one process."""

HEADERS: Final = {"cache-control": "no-store", "vary": "accept, authorization"}

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of the page: its own script and stylesheet, and nothing inline."""

_ASSETS: Final = {"page.css": "text/css", "page.js": "text/javascript"}
_encode = msgspec.json.Encoder().encode


class StatusKeyNeeded(HttpRefusal):
    """The request shows no key to the status page, or a wrong one."""

    code = "UNAUTHENTICATED"
    status = 401
    # With the charset, for keys beyond ASCII (RFC 7617, 2.1).
    headers = ((b"www-authenticate", b'Basic realm="gateway status", charset="UTF-8"'),)


class StatusAccess:
    """Lets operators in by HTTP Basic, and bounds wrong keys by address. Lifetime: process.

    Args:
        digest: The SHA-256 of the key, in hexadecimal digits.
        rule: Which pages may make a browser send requests.
        buckets: Count the wrong keys.
    """

    def __init__(self, digest: str, rule: CrossSiteRule, buckets: Buckets) -> None:
        self._digest = bytes.fromhex(digest)
        self._rule = rule
        self._buckets = buckets

    async def check(self, scope: Scope) -> None:
        """Check that a request may see the status.

        Raises:
            CrossSite: A page of another site made the browser send it, with the key that the browser has kept.
            RateLimited: Its address has sent too many wrong keys.
            StatusKeyNeeded: It has no key, or a wrong one.
        """
        headers = headers_of(scope)
        # A link on another site may open the page, which shows nothing to that site.
        if not is_top_level_navigation(headers):
            self._rule.check(scope, headers)
        shown = _basic(headers.get(b"authorization", b""))
        # No guess: browsers send their first request without the key.
        if shown is None:
            raise StatusKeyNeeded(f"Send the user {USER} and the key to the status page by HTTP Basic.")
        # Taken before it is known whether the key is right, so that guesses at once cannot exceed the limit together.
        source = source_of(scope)
        level = await self._buckets.take(source, 1, WRONG_KEYS_PER_MINUTE)
        if not level.granted:
            wait = (1 - level.calls) * MINUTE / WRONG_KEYS_PER_MINUTE
            raise RateLimited("There were too many wrong keys from here; wait a little.", retry_after=wait)
        if not self._is_right(*shown):
            raise StatusKeyNeeded(f"This is not the key of the user {USER} to the status page.")
        await self._buckets.take(source, -1, WRONG_KEYS_PER_MINUTE, owed=True)

    def _is_right(self, user: bytes, key: bytes) -> bool:
        # Both are compared in any case and in constant time, so that the time reveals nothing about either.
        is_user, is_key = compare_digest(user, USER.encode()), compare_digest(sha256(key).digest(), self._digest)
        return is_user and is_key


class StatusReports:
    """Makes the document of all workers, at most once a second. Lifetime: process.

    Args:
        group: The workers.
        budgets: Returns the callers' budgets; None where there are none.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, group: ProcessGroup, budgets: Callable[[], Budgets | None], now: Callable[[], float]) -> None:
        self._group = group
        self._budgets = budgets
        self._now = now
        self._kept: Status | None = None
        self._kept_until = float("-inf")
        self._lock = asyncio.Lock()

    async def current(self) -> Status:
        """Return the status, at most `KEPT_SECONDS` old."""
        # Of requests at once the first asks the workers, and the others get its document.
        async with self._lock:
            if self._kept is None or time.monotonic() >= self._kept_until:
                answers = await self._group.ask(QUESTION)
                states = {number: decode_state(one) if one else None for number, one in answers.items()}
                self._kept = await make_status(states, self._budgets(), self._now)
                self._kept_until = time.monotonic() + KEPT_SECONDS
            return self._kept


class StatusRoutes:
    """Answers the requests. Lifetime: process.

    Args:
        access: Lets operators in.
        reports: Makes the document.
        accepting: Whether new work is accepted; false once shutdown has begun, which ends streams.
    """

    def __init__(self, access: StatusAccess, reports: StatusReports, accepting: Callable[[], bool]) -> None:
        self._access = access
        self._reports = reports
        self._accepting = accepting
        self._streams = 0

    def add_to(self, rest: FastAPI) -> None:
        """Add the routes to the app."""
        routes = {"": self._status, "/events": self._events, "/{asset}": self._asset}
        for path, answer in routes.items():
            rest.router.routes.append(Route(f"/status{path}", self._guarded(answer), methods=["GET"]))

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            try:
                await self._access.check(request.scope)
                response: Response = await answer(request)
            except GatewayError as error:
                return _refused(error)
            return response

        return guarded

    async def _status(self, request: Request) -> Response:
        status = await self._reports.current()
        if "text/html" in request.headers.get("accept", ""):
            headers = {**HEADERS, "content-security-policy": POLICY, "cross-origin-opener-policy": "same-origin"}
            return Response(html_page(status), headers=headers, media_type="text/html")
        return Response(_encode(status), headers=HEADERS, media_type="application/json")

    async def _events(self, request: Request) -> Response:
        # nginx would hold events back until its buffer is full.
        headers = {**HEADERS, "x-accel-buffering": "no"}
        # Before the count, which only the end of a stream lowers.
        if request.method == "HEAD":
            return Response(headers=headers, media_type="text/event-stream")
        if self._streams >= MAX_STREAMS:
            raise RateLimited(f"There are {MAX_STREAMS} streams of the status open, which is the limit.", retry_after=5)
        self._streams += 1
        form = _page_event if request.query_params.get("form") == "page" else _same
        return _Stream(self._stream(form), headers=headers, media_type="text/event-stream", ended=self._stream_ended)

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["asset"]
        if name not in _ASSETS:
            return Response(status_code=404)
        # Private, because a shared cache would give it to those without the key.
        return Response(asset(name), headers={"cache-control": "private, max-age=86400"}, media_type=_ASSETS[name])

    async def _stream(self, form: Callable[[Status], object]) -> AsyncIterator[bytes]:
        while self._accepting():
            yield b"data: " + _encode(form(await self._reports.current())) + b"\n\n"
            await asyncio.sleep(EVENT_SECONDS)

    def _stream_ended(self) -> None:
        self._streams -= 1


class _Stream(StreamingResponse):
    """A stream that reports its end, also where its client has left before it began. Lifetime: request."""

    def __init__(self, content: AsyncIterator[bytes], *, ended: Callable[[], None], **options: Any) -> None:  # noqa: ANN401 - Starlette's
        super().__init__(content, **options)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


Form = TypeVar("Form")


def _same(status: Form) -> Form:
    return status


def _page_event(status: Status) -> object:
    return live_page(status)


def _basic(authorization: bytes) -> tuple[bytes, bytes] | None:
    """Return user and password; None where the header is not of HTTP Basic (RFC 7617)."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic" or len(authorization) > MAX_HEADER_BYTES:
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def _refused(error: GatewayError) -> Response:
    reply = refusal(error)
    response = Response(f"{error.message}\n", reply.status, HEADERS, "text/plain")
    response.raw_headers.extend(reply.headers)
    return response
