"""The server's side of one client connection: uvicorn's HTTP/1.1 protocol, with bounds on what a client may hold.

Theory of operation
-------------------
Uvicorn bounds neither the head of a request nor the time that one may take to arrive, so that a few idle or endless
clients can take all memory and all sockets. The bounds are kept here, outside of the common path: a request that
arrives whole in one read, as nearly all do, costs one comparison and sets no timer.

Only where a read leaves a request unfinished is the rest looked at::

    connected ---- head_seconds ----> closed             nothing was sent
    head begun --- head_seconds ----> 408, closed        head over MAX_HEAD_BYTES: 431, closed
    body begun --- body_seconds ----> closed             plus a second for each MIN_BODY_RATE bytes that came
    answered ----- idle_seconds ----> closed             uvicorn's own keep-alive timer

The trailers of a chunked body go to a list of their own: the parser reports them like headers, and uvicorn would add
them to the headers of a request that is being served already.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES: Final = 65_536
"""Request line and headers together, and the trailers of one body."""

MIN_BODY_RATE: Final = 8192
"""Bytes of a body that extend its time limit by one second."""

LINGER_SECONDS: Final = 1.0
"""How long a refused client may take to read the response and close."""

LINGER_BYTES: Final = 1_048_576
"""How many bytes of a refused client are read and dropped in the meantime."""

COUNTS: Final = "connection_counts"
"""The key of the lifespan's state under which an app hands the server its `ConnectionCounts`."""

_REFUSALS_PER_LINE: Final = 1000

_logger = logging.getLogger(__name__)


class ConnectionCounts(msgspec.Struct):
    """Connections that the server ended, by reason; process lifetime.

    Args:
        too_many: Refused, because `max_connections` were open.
        idle: Nothing was sent on a new connection.
        slow_head: A request's head did not arrive in time.
        slow_body: A request's body did not arrive in time.
        large_head: A request's head or trailers were too large.
        large_body: A request's body went on far beyond what the app accepts.
        unread: A WebSocket's client sent pings and did not read the answers.
        many_fragments: A WebSocket's message came in too many pieces.
        no_pong: A WebSocket's client did not answer a ping in time.
    """

    too_many: int = 0
    idle: int = 0
    slow_head: int = 0
    slow_body: int = 0
    large_head: int = 0
    large_body: int = 0
    unread: int = 0
    many_fragments: int = 0
    no_pong: int = 0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds on a client's connection; process lifetime.

    Args:
        max_connections: How many connections one process keeps open at most.
        head_seconds: Time limit of a request's head, from the connection or its first byte.
        body_seconds: Time limit of a body, extended by `MIN_BODY_RATE`.
        max_body_bytes: The largest body that the app accepts, in bytes.
    """

    max_connections: int = 10_000
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    max_body_bytes: int = 1_048_576

    @property
    def max_message_bytes(self) -> int:
        """Largest message on the wire, in bytes: twice the body, to allow for the framing of small chunks."""
        return 2 * (self.max_body_bytes + MAX_HEAD_BYTES)


class ServerConfig(uvicorn.Config):
    """Uvicorn's configuration with the bounds of a connection; process lifetime.

    The limits are an attribute because uvicorn pickles the configuration for each worker and builds the protocol from
    it.

    Args:
        app: The ASGI app, or the import string of its factory.
        limits: The bounds.
        options: Passed to uvicorn.
    """

    def __init__(self, app: object, limits: ConnectionLimits, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(app, http=BoundedHttpProtocol, **options)  # type: ignore[arg-type]  # its union of apps
        self.limits = limits


class CoalescingTransport:
    """A transport that sends all writes of one turn of the event loop by one system call; connection lifetime.

    Uvicorn writes the head of a response and its body separately. Each write is a system call and wakes the client,
    which costs more than the rest of a response from the cache.

    Args:
        inner: The connection's own transport.
    """

    __slots__ = ("_inner", "_loop", "_parts", "is_closing")

    def __init__(self, inner: asyncio.Transport) -> None:
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        # Bound, because uvicorn asks before every write, and `__getattr__` would look it up each time.
        self.is_closing = inner.is_closing

    def write(self, data: bytes) -> None:
        """Send the data at the end of the turn of the event loop, together with other writes in it."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def write_eof(self) -> None:
        """Send the written data, and the end of the stream."""
        self._flush()
        self._inner.write_eof()

    def close(self) -> None:
        """Close the connection after the written data is sent."""
        self._flush()
        self._inner.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of the transport
        """Delegate everything else to the connection's own transport."""
        return getattr(self._inner, name)

    def _flush(self) -> None:
        parts = self._parts
        if parts:
            self._parts = []
            self._inner.write(parts[0] if len(parts) == 1 else b"".join(parts))


class BoundedHttpProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with bounds, over a transport that coalesces writes; connection lifetime."""

    config: ServerConfig
    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # uvicorn leaves None until the first head is read

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **options)
        self._limits = self.config.limits
        # Bytes of the message that is arriving.
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timed_body = False
        self._timer_started = 0.0
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start to serve the client, unless there are too many connections."""
        super().connection_made(cast("asyncio.Transport", CoalescingTransport(transport)))
        if len(self.connections) > self._limits.max_connections:
            self._refuse_connection()
        else:
            # Uvicorn cancels this timer at the first byte.
            self.timeout_keep_alive_task = self.loop.call_later(self._limits.head_seconds, self._close_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data, and check the bounds if it leaves a request unfinished."""
        begun = self.scope
        self._received += len(data)
        if self._is_refused:
            # Dropped, but not without end: a client that goes on sending is cut.
            if self._received > LINGER_BYTES:
                self.transport.close()
            return
        super().data_received(data)
        cycle = self.cycle
        if cycle is not None and not cycle.more_body and cycle.scope is self.scope:
            self._received = 0
            if self._timer is not None:
                self._stop_timer()
        elif not self._is_ending and self in self.connections:
            self._check_unfinished(len(data), begun_now=self.scope is not begun)

    def on_headers_complete(self) -> None:
        """Start to serve the request, unless its head is too large."""
        # `_received` counts the first bytes of the body too, so the exact size is looked at only if it is large.
        if self._received > MAX_HEAD_BYTES and len(self.url) + _size(self.headers) > MAX_HEAD_BYTES:
            self._refuse(431, "large_head")
            # Stops the parser. Uvicorn would answer by `send_400_response`, which does nothing after a refusal.
            raise ValueError("the head is too large")
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.scope is self.scope:
            # Another list for the trailers, because the request that is served now holds the first.
            self.headers = []

    def send_400_response(self, msg: str) -> None:
        """Refuse malformed HTTP, unless the connection is being closed already."""
        if not self._is_ending:
            super().send_400_response(msg)

    @property
    def _is_ending(self) -> bool:
        return self._is_refused or self.transport.is_closing()

    @property
    def _counts(self) -> ConnectionCounts:
        counts: ConnectionCounts = self.app_state.setdefault(COUNTS, ConnectionCounts())
        return counts

    def _check_unfinished(self, received: int, *, begun_now: bool) -> None:
        if begun_now:
            # If the read ended within a pipelined request, that request's share is unknown, and none is counted.
            self._received = 0 if self.pipeline else received
            self._stop_timer()
        if self.cycle is None or self.cycle.scope is not self.scope:
            if self._received > MAX_HEAD_BYTES:
                self._refuse(431, "large_head")
            else:
                self._start_timer(body=False)
        elif _size(self.headers) > MAX_HEAD_BYTES:
            self._close("large_head")
        elif self._received > self._limits.max_message_bytes:
            self._close("large_body")
        else:
            self._start_timer(body=True)

    def _start_timer(self, *, body: bool) -> None:
        if self._timer is not None and self._timed_body == body:
            return
        self._stop_timer()
        self._timed_body = body
        self._timer_started = self.loop.time()
        seconds = self._limits.body_seconds if body else self._limits.head_seconds
        self._timer = self.loop.call_later(seconds, self._on_timer)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        """Close the connection, unless the body came fast enough or the server itself has paused reading."""
        self._timer = None
        if not self._timed_body:
            self._refuse(408, "slow_head")
            return
        earned = self._limits.body_seconds + self._received / MIN_BODY_RATE
        left = self._timer_started + earned - self.loop.time()
        # While the server has paused reading, that nothing arrives is not the client's slowness.
        if left > 0 or self.flow.read_paused:
            self._timer = self.loop.call_later(max(left, 1.0), self._on_timer)
        else:
            self._close("slow_body")

    def _close_idle(self) -> None:
        if not self.transport.is_closing():
            self._close("idle")

    def _refuse_connection(self) -> None:
        refused = self._counts.too_many + 1
        # One line for each thousand, so that a flood of connections does not become a flood of lines.
        if refused % _REFUSALS_PER_LINE == 1:
            _logger.warning(
                "%d connections are open, the limit of GATEWAY_CONNECTIONS__MAX_OPEN: refusing new ones (%d so far)",
                self._limits.max_connections,
                refused,
            )
        self._write_refusal(503, ((b"retry-after", b"1"),))
        self._close("too_many")

    def _refuse(self, status: int, reason: str) -> None:
        """Respond without the app, and close once the client has read the response or had `LINGER_SECONDS` for it."""
        self._count(reason)
        self._write_refusal(status)
        self._is_refused = True
        self._received = 0
        self._stop_timer()
        # Only half closed, because closing a socket with unread bytes resets the connection, and the response would be
        # lost (RFC 9112, 9.6).
        self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _write_refusal(self, status: int, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        lines = (*self.server_state.default_headers, (b"content-length", b"0"), (b"connection", b"close"), *headers)
        self.transport.write(STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n")

    def _count(self, reason: str) -> None:
        counts = self._counts
        setattr(counts, reason, getattr(counts, reason) + 1)

    def _close(self, reason: str) -> None:
        self._count(reason)
        self._stop_timer()
        self.transport.close()


def _size(fields: list[tuple[bytes, bytes]]) -> int:
    """The bytes of header fields as they were sent, with the colon, blank and line end of each."""
    return sum(len(name) + len(value) + 4 for name, value in fields)
