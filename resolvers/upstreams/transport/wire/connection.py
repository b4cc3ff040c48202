"""A connection to an upstream that speaks HTTP/1.1 in the event loop's own thread (RFC 9112).

Theory of operation
-------------------
One exchange at a time::

               carry                      complete and accounted for
    idle ----------------> in flight ----------------------------------> idle (`released`)
      |                        |
      | bytes arrive           | not accounted for, failed, given up, late, or ended by the other side
      v                        v
    ended <--------------------+                                         (`closed`)

In HTTP/1.1 an answer belongs to a request by its position only. So no other exchange follows after anything that the
last one does not account for: bytes behind its answer, an answer to no request, a body announced where there can be
none, an answer that began before its request arrived. `SocketState` sees what the event loop has not reported yet.

Written by hand because every library that was measured costs two to six times as much CPU for a call, most of it for
passing work between threads: docs/performance.md.
"""

import asyncio
import select
import socket
import ssl
import termios
from array import array
from collections.abc import Callable
from fcntl import ioctl
from ipaddress import ip_address
from typing import Final, TypeAlias, cast

import httptools

from resolvers.upstreams.call import Answer
from resolvers.upstreams.transport.wire.client_tls import server_certificate_end
from resolvers.upstreams.transport.wire.exchange import Exchange
from resolvers.upstreams.transport.wire.failures import HeadTooLong, Late, connection_reason
from resolvers.upstreams.transport.wire.parser import (
    FINAL_STARTS,
    HEAD_END,
    MAX_HEAD_BYTES,
    START_LENGTH,
    AnswerParser,
)

AT_ONCE: Final = 0
"""A timeout of `SocketState.poll`, in milliseconds."""

_LAST_HEAD_END: Final = MAX_HEAD_BYTES - len(HEAD_END) + 1

# A request up to this size is one TLS record, which is longer by less than a segment.
_ONE_RECORD_BYTES: Final = 16 * 1024


class SocketState:
    """Reads from the kernel what it knows of a connection and the event loop does not yet. Lifetime: connection.

    Args:
        connected: A connected TCP socket.

    Attributes:
        poll: Called with `AT_ONCE`, returns something true if bytes, or the end, arrived and were not read yet.
    """

    __slots__ = ("_descriptor", "_unacknowledged", "poll")

    def __init__(self, connected: socket.socket) -> None:
        self._descriptor = connected.fileno()
        self._unacknowledged = array("i", [0])
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        self.poll = poller.poll

    def unacknowledged(self) -> int:
        """Return how many sent bytes the other side has not acknowledged; 0 where the kernel does not say."""
        try:
            ioctl(self._descriptor, termios.TIOCOUTQ, self._unacknowledged, True)
        except OSError:
            return 0
        return self._unacknowledged[0]


def is_end_true(tls: ssl.SSLObject | None) -> bool:
    """Return whether the other side itself ended its stream (RFC 9112, section 9.8).

    Anybody between can cut a connection, but only the other side can send the alert that closes TLS. Without TLS, it is
    taken for granted.

    Args:
        tls: The TLS of a connection at whose end nothing is left to read; None without TLS.
    """
    try:
        return tls is None or tls.read(1) == b""
    except ssl.SSLError:
        return False


class WireConnection(AnswerParser, asyncio.BaseProtocol):
    """Carries one exchange at a time. Lifetime: until either side ends the connection.

    Args:
        account: The account whose calls it carries; None where it ends with its first call.
        released: Called when an answer is complete and another exchange may follow.
        closed: Called when none can follow any more.

    Attributes:
        opened_at: The event loop's clock, in seconds, when it was opened.
        idle_since: The same when the last answer was complete.
    """

    __slots__ = (
        "_closed",
        "_given_up",
        "_is_remote",
        "_loop",
        "_released",
        "_socket",
        "_timer",
        "_transport",
        "_untouched",
        "_watched_until",
        "account",
        "idle_since",
        "opened_at",
    )

    def __init__(self, account: str | None, released: "Released", closed: "Closed") -> None:
        super().__init__()
        self.account = account
        self._released = released
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._given_up = self._end_if_given_up
        self._transport: asyncio.Transport
        self._socket: SocketState
        self._timer: asyncio.TimerHandle | None = None
        self._watched_until = 0.0
        self._untouched = True
        self.opened_at = self._loop.time()
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether an exchange can begin: the connection is not ending, and nothing arrived since the last answer."""
        return not (self._transport.is_closing() or self._socket.poll(AT_ONCE))

    @property
    def protocol(self) -> str | None:
        """The protocol that ALPN agreed on, if any (RFC 7301)."""
        tls = self._transport.get_extra_info("ssl_object")
        return None if tls is None else tls.selected_alpn_protocol()

    @property
    def certificate_end(self) -> float | None:
        """When the certificate of the server ends, in seconds since 1970; None without TLS."""
        tls = self._transport.get_extra_info("ssl_object")
        return None if tls is None else server_certificate_end(tls)

    def carry(self, exchange: Exchange) -> "asyncio.Future[Answer]":
        """Send a request and return the future of its answer. Cancelling that ends the connection."""
        self._exchange = exchange
        self._untouched = True
        self._in_body = False
        self._headers = {}
        self._body = []
        self._body_bytes = 0
        # The answer to a request that was given up would still arrive, and be taken for the next one's.
        exchange.answer.add_done_callback(self._given_up)
        if self._timer is None or exchange.until < self._watched_until:
            self._watch(exchange.until)
        self._transport.write(exchange.request)
        return exchange.answer

    def abort(self) -> None:
        """End the connection at once, with any exchange in flight."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (called by the event loop)."""
        self._transport = cast("asyncio.Transport", transport)
        self._socket = SocketState(transport.get_extra_info("socket"))
        peer = transport.get_extra_info("peername")
        # Within one machine a request is acknowledged while it is sent, so acknowledgements say nothing there.
        self._is_remote = peer is not None and not ip_address(peer[0]).is_loopback
        if transport.get_extra_info("ssl_object") is None:
            # uvloop then writes at once, and not after other work, during which a stray answer may arrive.
            self._transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:  # noqa: C901 - a call of each step would cost more than the step
        """Take a part of an answer, or something that no request asked for (called by the event loop)."""
        exchange = self._exchange
        if exchange is None:
            self.abort()
            return
        if self._untouched:
            if (self._is_remote or len(exchange.request) > _ONE_RECORD_BYTES) and self._came_before(exchange):
                return
            self._untouched = False
        if self._in_body:
            self._received += len(data)
        else:
            end = data.find(HEAD_END)
            if data[:START_LENGTH] not in FINAL_STARTS or not 0 < end < _LAST_HEAD_END or self._gatherer is not None:
                data = self._gather(data)
                if not data:
                    return
                end = data.find(HEAD_END)
            self._received = len(data) - end - len(HEAD_END)
        try:
            self._llhttp.feed_data(data)
        except httptools.HttpParserError:
            self._parse_unfolded(data)
        if self._exchange is not None:
            if self._is_chunked and self._is_frame_too_long():
                self._fail(HeadTooLong())
        elif self._is_accounted_for and not self._is_followed(data):
            self.idle_since = self._loop.time()
            self._released(self)
        else:
            self.abort()

    def eof_received(self) -> None:
        """End an answer that has no length (called by the event loop; RFC 9112, section 6.3)."""
        exchange = self._exchange
        if exchange is None or not self._ends_with_connection:
            return
        if is_end_true(self._transport.get_extra_info("ssl_object")):
            self._exchange = None
            exchange.succeed(self._status, self._headers, b"".join(self._body))

    def connection_lost(self, error: Exception | None) -> None:
        """End the exchange in flight, if any (called by the event loop)."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lose(untouched=self._untouched, reason=connection_reason(error) if error else None)
        if self._timer is not None:
            self._timer.cancel()
        # They refer to this object and it to them: without this, only the garbage collector could free all three.
        del self._llhttp, self._given_up
        self._closed(self)

    def on_message_complete(self) -> None:
        """End the exchange with its answer (called by llhttp)."""
        exchange = self._exchange
        if exchange is None:
            return
        if self._is_chunked and self._is_frame_too_long():
            self._fail(HeadTooLong())
            return
        self._exchange = None
        if exchange.answer.done() or not self._llhttp.should_keep_alive():
            self._is_accounted_for = False
        # Calling it would cost more, and there is nothing left to end.
        exchange.answer.remove_done_callback(self._given_up)
        exchange.succeed(self._status, self._headers, b"".join(self._body))

    def _came_before(self, exchange: Exchange) -> bool:
        """End the connection if what arrived cannot answer the request; return whether it was ended.

        Each segment acknowledges what had arrived when it was sent (RFC 9293, section 3.4): bytes received while the
        whole of a request is unacknowledged were sent before the request arrived.
        """
        unacknowledged = self._socket.unacknowledged()
        if unacknowledged == 0:
            return False
        self._is_accounted_for = False
        if len(exchange.request) > min(unacknowledged, _ONE_RECORD_BYTES):
            # Some of the request had arrived, or may have: a server can refuse it early, and then ends the connection.
            return False
        self._exchange = None
        self.abort()
        exchange.lose(untouched=True)
        return True

    def _fail(self, failure: Exception) -> None:
        exchange, self._exchange = self._exchange, None
        self._is_accounted_for = False
        if exchange is not None:
            exchange.fail(failure)
        self.abort()

    def _end_if_given_up(self, answer: "asyncio.Future[Answer]") -> None:
        if answer.cancelled():
            self.abort()

    def _watch(self, until: float) -> None:
        """Set the timer to the event loop's clock, in seconds."""
        # It outlives its exchange and serves the next: a new one for each costs as much as parsing an answer.
        if self._timer is not None:
            self._timer.cancel()
        self._watched_until = until
        self._timer = self._loop.call_at(until, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._exchange is None:
            return
        if self._exchange.until > self._watched_until:
            self._watch(self._exchange.until)
        else:
            self._fail(Late())


Released: TypeAlias = Callable[[WireConnection], None]
Closed: TypeAlias = Callable[[WireConnection], None]

READ_BYTES: Final = 64 * 1024


class EncryptedConnection(WireConnection, asyncio.BufferedProtocol):
    """A connection over TLS. Lifetime: until either side ends it.

    Args:
        account: The account whose calls it carries; None where it ends with its first call.
        released: Called when an answer is complete and another exchange may follow.
        closed: Called when none can follow any more.
        buffer: What is read into. Connections of one event loop may share it, because nothing stays there.
    """

    # Without a buffer from here, the event loop's TLS allocates 256 KiB for each read and shrinks that to what came.
    # glibc may ask the kernel for so much each time and give it back, depending on what was freed before: then a call
    # costs 47 us of CPU instead of 27.

    __slots__ = ("_buffer",)

    def __init__(self, account: str | None, released: Released, closed: Closed, buffer: memoryview) -> None:
        super().__init__(account, released, closed)
        self._buffer = buffer

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the most that TLS has
        """Return the buffer to read into (called by the event loop)."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read into the buffer (called by the event loop)."""
        self.data_received(bytes(self._buffer[:nbytes]))
