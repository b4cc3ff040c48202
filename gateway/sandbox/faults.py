"""Fault injection: makes a simulated upstream slow, unreachable or wrong on demand.

Theory of operation: the middleware takes the settings once for each request. Latency comes first, then the faults that
replace the response without running the app, in this order: refused connection, failure status, wrong body. Only if
none of them applies does the app run, and its complete response may then be cut off or truncated. So a request that
is cut or truncated has taken effect, and one answered by a fault has not.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Annotated, Literal

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CUT_CONNECTION = "sandbox.cut_connection"
"""The ASGI extension of `gateway.sandbox.server`: a function that closes the connection of the request."""

# As a proxy answers in place of an API that it cannot reach.
_HTML = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>We will be right back</h1></body></html>"
)
_JSON = "application/json"

Sleep = Callable[[float], Awaitable[None]]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=60)]


class FaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults of one simulator, replaced as a whole.

    Attributes:
        latency_seconds: Delay before the response, in real seconds.
        error_rate: The share of requests, 0 to 1, answered with `error_status` and no body.
        error_status: The status of those responses.
        outage: "refuse" closes the connection without a response, "503" answers 503.
        rate_limited: Answer every request 429.
        retry_after_seconds: Retry-After of a 429 or 503.
        cut: Run the app, then close the connection in the middle of the body.
        nonsense: A 200 with an undocumented body. "html", "empty_object" and "error_in_200" replace the response
            without running the app; "truncated" sends half of the JSON of the app's response.
        only_path_prefix: Apply the faults to requests under this path only; the default is all requests.
        seed: Decides which requests `error_rate` affects.
    """

    latency_seconds: Seconds = 0.0
    error_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    error_status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    outage: Literal["none", "refuse", "503"] = "none"
    rate_limited: bool = False
    retry_after_seconds: Annotated[int, msgspec.Meta(ge=0)] | None = None
    cut: bool = False
    nonsense: Literal["none", "html", "truncated", "empty_object", "error_in_200"] = "none"
    only_path_prefix: str | None = None
    seed: int = 0


class Faults:
    """The current faults of a simulator; simulator lifetime. Setting `settings` replaces them all."""

    def __init__(self) -> None:
        self.settings = FaultSettings()

    @property
    def settings(self) -> FaultSettings:
        """The current faults."""
        return self._settings

    @settings.setter
    def settings(self, settings: FaultSettings) -> None:
        self._settings = settings
        self._random = Random(settings.seed)  # noqa: S311 - decides faults, guards nothing

    def clear(self) -> None:
        """Remove all faults."""
        self.settings = FaultSettings()

    def strikes(self) -> bool:
        """Draw whether the next request fails, by the seed and the error rate."""
        return self._random.random() < self._settings.error_rate


class FaultInjection:
    """ASGI middleware that applies a simulator's faults; simulator lifetime.

    Args:
        app: The app that answers without faults.
        faults: The current faults.
        error_in_200: The JSON body of the "error_in_200" nonsense, in the vendor's error format.
        sleep: Waits for the latency, in seconds.
    """

    def __init__(self, app: ASGIApp, faults: Faults, *, error_in_200: bytes, sleep: Sleep = asyncio.sleep) -> None:
        self._app = app
        self._faults = faults
        self._bodies = {
            "html": ("text/html; charset=utf-8", _HTML),
            "empty_object": (_JSON, b"{}"),
            "error_in_200": (_JSON, error_in_200),
        }
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Apply the faults to the request, or forward it unchanged."""
        settings = self._faults.settings
        if settings.only_path_prefix is not None and not scope["path"].startswith(settings.only_path_prefix):
            await self._app(scope, receive, send)
            return
        if settings.latency_seconds:
            await self._sleep(settings.latency_seconds)
        if not await self._answered_instead(settings, scope, receive, send):
            await self._work(settings, scope, receive, send)

    async def _answered_instead(self, settings: FaultSettings, scope: Scope, receive: Receive, send: Send) -> bool:
        status = self._failure_status(settings)
        if settings.outage == "refuse":
            await _cut_connection(scope, receive)
        elif status is not None:
            await _answer(send, status, retry_after=settings.retry_after_seconds)
        elif settings.nonsense in self._bodies:
            content_type, body = self._bodies[settings.nonsense]
            await _answer(send, 200, content_type=content_type, body=body)
        else:
            return False
        return True

    def _failure_status(self, settings: FaultSettings) -> int | None:
        if settings.outage == "503":
            return 503
        if settings.rate_limited:
            return 429
        return settings.error_status if self._faults.strikes() else None

    async def _work(self, settings: FaultSettings, scope: Scope, receive: Receive, send: Send) -> None:
        if not settings.cut and settings.nonsense != "truncated":
            await self._app(scope, receive, send)
            return
        start, body = await _collected(self._app, scope, receive)
        half = body[: len(body) // 2]
        if settings.cut:
            # With the length of the whole body: only so a client sees that the rest is missing.
            await send(start)
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await _cut_connection(scope, receive)
        else:
            # With the length of the half: the response is well-formed HTTP, and only its JSON is not.
            await send({**start, "headers": _with_length(start["headers"], len(half))})
            await send({"type": "http.response.body", "body": half})


async def _answer(
    send: Send,
    status: int,
    *,
    content_type: str | None = None,
    body: bytes = b"",
    retry_after: int | None = None,
) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    if content_type is not None:
        headers.append((b"content-type", content_type.encode()))
    # The statuses that it belongs to: 503 by RFC 9110 (10.2.3), 429 by RFC 6585 (4).
    if retry_after is not None and status in (429, 503):
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _collected(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, collect)
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


def _with_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [*kept, (b"content-length", str(length).encode())]


async def _cut_connection(scope: Scope, receive: Receive) -> None:
    cut = scope.get("extensions", {}).get(CUT_CONNECTION)
    if cut is None:
        raise ConnectionResetError(
            "The simulator cuts this connection, but its server cannot: use sandbox.server.serving."
        )
    cut()
    # uvicorn answers 500 for an app that returns without a response.
    while (await receive())["type"] != "http.disconnect":
        pass
