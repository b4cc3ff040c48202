"""What a simulator was asked: a bounded record of its requests, for tests that count them and for the curious."""

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
    """One request as it came in; lives until the log is cleared or runs over.

    Attributes:
        method: GET, POST and so on.
        path: Without the query string, and with "***" for a partner's signature, which holds its secret key.
        query: The query string as sent, percent-encoded; empty wherever a path deals in credentials.
        status: What was answered; None while there is no answer, and for ever where the connection was cut before one.
        headers: Without credentials; names in lower case.
        body: The text of a small body (4 KiB); None for a larger one, and wherever a path deals in credentials.
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
        capacity: How many requests are kept.
    """

    def __init__(self, capacity: int = 10_000) -> None:
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
        return iter(list(self._requests))

    @property
    def most_at_once(self) -> int:
        """The most requests that ran at the same time since the log was cleared."""
        return self._most_at_once

    def clear(self) -> None:
        """Forget every request; those still running count on in `most_at_once`."""
        self._requests.clear()
        self._most_at_once = self._running

    def begin(self, request: RecordedRequest) -> None:
        """Note that a request came in.

        Args:
            request: The request, not yet answered.
        """
        self._requests.append(request)
        self._running += 1
        self._most_at_once = max(self._most_at_once, self._running)

    def end(self) -> None:
        """Note that a request that was begun runs no longer."""
        self._running -= 1


class RequestRecorder:
    """ASGI middleware that writes every request into a log; simulator lifetime.

    Args:
        app: What answers.
        log: Where the requests are kept.
    """

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note what was asked and answered."""
        request = _recorded(scope)
        self._log.begin(request)
        try:
            await self._app(scope, _body_noting(receive, request), _status_noting(send, request))
        finally:
            self._log.end()


def _recorded(scope: Scope) -> RecordedRequest:
    return RecordedRequest(
        method=scope["method"],
        path=_SIGNED_PATH.sub(r"\1***", scope["path"]),
        query="" if _deals_in_credentials(scope["path"]) else scope["query_string"].decode("latin-1"),
        headers={
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name not in _CREDENTIALS
        },
    )


def _deals_in_credentials(path: str) -> bool:
    return any(part in path for part in _SECRET_PATHS)


def _body_noting(receive: Receive, request: RecordedRequest) -> Receive:
    if _deals_in_credentials(request.path):
        return receive
    body = bytearray()

    async def noting() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            body.extend(message.get("body", b"")[: _BODY_BYTES + 1])
            small = len(body) <= _BODY_BYTES and not message.get("more_body", False)
            request.body = body.decode(errors="replace") if small else None
        return message

    return noting


def _status_noting(send: Send, request: RecordedRequest) -> Send:
    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            request.status = message["status"]
        await send(message)

    return noting
