"""A bounded log of the requests to a simulator, for tests and for `GET /_sandbox/requests`."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import overload

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CREDENTIALS = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"x-api-key"})
_SECRET_PATHS = ("oauth", "token")
_SIGNED_PATH = re.compile(r"^(.*/partners/).+")
_BODY_BYTES = 4096


class RecordedRequest(msgspec.Struct, kw_only=True):
    """One request; kept until the log is cleared or full.

    Attributes:
        method: The HTTP method.
        path: The path without the query string, with "***" for a partner's signature, which holds its secret key.
        query: The query string as sent, percent-encoded; empty for paths that handle credentials.
        status: The response status; None before the response starts, or if the connection was cut before that.
        headers: The headers without credentials; names in lower case.
        body: The text of a body of up to 4 KiB; None for a larger one, and for paths that handle credentials.
    """

    method: str
    path: str
    query: str
    status: int | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: str | None = None


class RequestLog(Sequence[RecordedRequest]):
    """The last requests of a simulator, oldest first; simulator lifetime.

    Args:
        capacity: The maximum number of requests.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        # Bounded, because a sandbox may run for days.
        self._requests: deque[RecordedRequest] = deque(maxlen=capacity)
        self._running = 0
        self._most_at_once = 0

    @overload
    def __getitem__(self, index: int) -> RecordedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> list[RecordedRequest]: ...
    def __getitem__(self, index: int | slice) -> RecordedRequest | list[RecordedRequest]:
        if isinstance(index, slice):
            return list(self._requests)[index]
        return self._requests[index]

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[RecordedRequest]:
        # A copy, because a request may arrive while the caller iterates.
        return iter(list(self._requests))

    @property
    def most_at_once(self) -> int:
        """The largest number of concurrent requests since the log was cleared."""
        return self._most_at_once

    def clear(self) -> None:
        """Remove every request; running ones still count in `most_at_once`."""
        self._requests.clear()
        self._most_at_once = self._running

    def begin(self, request: RecordedRequest) -> None:
        """Record the start of a request.

        Args:
            request: The request, without a status.
        """
        self._requests.append(request)
        self._running += 1
        self._most_at_once = max(self._most_at_once, self._running)

    def end(self) -> None:
        """Record the end of a request."""
        self._running -= 1


class RequestRecorder:
    """ASGI middleware that records every request; simulator lifetime.

    Args:
        app: The app that answers.
        log: The log for the requests.
    """

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request and record it with its response status."""
        request = _recorded(scope)
        self._log.begin(request)
        try:
            await self._app(scope, _recording_receive(receive, request), _recording_send(send, request))
        finally:
            self._log.end()


def _recorded(scope: Scope) -> RecordedRequest:
    return RecordedRequest(
        method=scope["method"],
        # The signature is the base64 of the partner's key and secret.
        path=_SIGNED_PATH.sub(r"\1***", scope["path"]),
        query="" if _handles_credentials(scope["path"]) else scope["query_string"].decode("latin-1"),
        headers={
            # Values may hold any byte (RFC 9110, 5.5), and Latin-1 decodes each.
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name not in _CREDENTIALS
        },
    )


def _handles_credentials(path: str) -> bool:
    return any(part in path for part in _SECRET_PATHS)


def _recording_receive(receive: Receive, request: RecordedRequest) -> Receive:
    if _handles_credentials(request.path):
        return receive
    body = bytearray()

    async def recording() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            # One byte more than is kept shows that the body is larger.
            body.extend(message.get("body", b"")[: _BODY_BYTES + 1])
            small = len(body) <= _BODY_BYTES and not message.get("more_body", False)
            request.body = body.decode(errors="replace") if small else None
        return message

    return recording


def _recording_send(send: Send, request: RecordedRequest) -> Send:
    async def recording(message: Message) -> None:
        if message["type"] == "http.response.start":
            request.status = message["status"]
        await send(message)

    return recording
