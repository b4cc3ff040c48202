"""One connection to an upstream, which speaks HTTP/1.1 in the event loop's own thread (RFC 9112).

Parsing is llhttp's, by httptools. What is above that is ours because every library that we measured costs two to six
times as much for a call, most of it for handing work from thread to thread and back: docs/performance.md.

In HTTP/1.1 nothing but its place says which request an answer belongs to. So a connection carries no other exchange
after anything that the last one does not account for: bytes behind its answer, an answer to nobody, a body announced
where there can be none, an answer that began before the request was there.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final, TypeAlias, cast

import httptools

from resolvers.upstreams.call import Answer, HeaderField
from resolvers.upstreams.transport.wire.exchange import Exchange
from resolvers.upstreams.transport.wire.failures import HeadTooLong, Late, TooLong, Unparsable, connection_reason
from resolvers.upstreams.transport.wire.parser import (
    CHUNK_FRAME_BYTES,
    FINAL_STARTS,
    HEAD_END,
    KEPT_FIELDS,
    MAX_HEAD_BYTES,
    PARTS_KEPT_APART,
    START_LENGTH,
    HeadGatherer,
    ends_with_chunks,
    joined,
    unfolded,
)
from resolvers.upstreams.transport.wire.socket_state import AT_ONCE, SocketState, is_end_true

_BODILESS: Final = frozenset({204, 304})

_LAST_HEAD_END: Final = MAX_HEAD_BYTES - len(HEAD_END) + 1

_ONE_RECORD_BYTES: Final = 16 * 1024
"""A request up to this size is one TLS record, which is longer by less than a segment."""


class WireConnection(asyncio.BaseProtocol):
    """Carries one exchange at a time; lives until either side ends it.

    Args:
        account: Whose calls it carries; None where it ends with its first call.
        released: Called when an answer is complete and another exchange may follow.
        closed: Called when none can follow any more.

    Attributes:
        idle_since: The event loop's clock, in seconds, when the last answer was complete.
    """

    __slots__ = (
        "_body",
        "_body_bytes",
        "_chunks",
        "_closed",
        "_ends_with_connection",
        "_exchange",
        "_gatherer",
        "_given_up",
        "_headers",
        "_in_body",
        "_is_accounted_for",
        "_is_chunked",
        "_is_remote",
        "_loop",
        "_parser",
        "_received",
        "_released",
        "_socket",
        "_status",
        "_timer",
        "_transport",
        "_untouched",
        "_watched_until",
        "account",
        "idle_since",
    )

    def __init__(self, account: str | None, released: "Released", closed: "Closed") -> None:
        self.account = account
        self._released = released
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._given_up = self._end_if_given_up
        self._transport: asyncio.Transport
        self._socket: SocketState
        self._timer: asyncio.TimerHandle | None = None
        self._watched_until = 0.0
        self._exchange: Exchange | None = None
        self._gatherer: HeadGatherer | None = None
        self._is_accounted_for = True
        self._is_chunked = False
        self._ends_with_connection = False
        self._chunks = 0
        self._received = 0
        self._status = 0
        self._untouched = True
        self._in_body = False
        self._headers: dict[HeaderField, str] = {}
        self._body: list[bytes | bytearray] = []
        self._body_bytes = 0
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether an exchange can begin: the connection is not ending, and nothing came since the last answer."""
        return not (self._transport.is_closing() or self._socket.poll(AT_ONCE))

    @property
    def protocol(self) -> str | None:
        """What was agreed on by ALPN, if anything (RFC 7301)."""
        tls = self._transport.get_extra_info("ssl_object")
        return None if tls is None else tls.selected_alpn_protocol()

    def carry(self, exchange: Exchange) -> "asyncio.Future[Answer]":
        """Send a request; what comes is its answer. To give that up ends the connection, which would still bring it."""
        self._exchange = exchange
        self._untouched = True
        self._in_body = False
        self._headers = {}
        self._body = []
        self._body_bytes = 0
        exchange.answer.add_done_callback(self._given_up)
        if self._timer is None or exchange.until < self._watched_until:
            self._watch(exchange.until)
        self._transport.write(exchange.request)
        return exchange.answer

    def abort(self) -> None:
        """End it at once, with any exchange in flight."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The event loop says: it is open."""
        self._transport = cast("asyncio.Transport", transport)
        self._socket = SocketState(transport.get_extra_info("socket"))
        peer = transport.get_extra_info("peername")
        # Within one machine a request is acknowledged while it is sent, so nothing can be told from that.
        self._is_remote = peer is not None and not ip_address(peer[0]).is_loopback
        if transport.get_extra_info("ssl_object") is None:
            # uvloop then writes at once, and not after other work, during which a stray answer may come.
            self._transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:  # noqa: C901 - a call of each step would cost more than the step
        """The event loop says: here is a part of an answer, or something that nobody asked for."""
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
                data = self._gathered(data)
                if not data:
                    return
                end = data.find(HEAD_END)
            self._received = len(data) - end - len(HEAD_END)
        try:
            self._parser.feed_data(data)
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
        """The event loop says: the other side ends. That ends an answer that told no length (RFC 9112, section 6.3)."""
        exchange = self._exchange
        if exchange is None or not self._ends_with_connection:
            return
        if is_end_true(self._transport.get_extra_info("ssl_object")):
            self._exchange = None
            exchange.succeed(self._status, self._headers, b"".join(self._body))

    def connection_lost(self, error: Exception | None) -> None:
        """The event loop says: it is over."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lose(untouched=self._untouched, reason=connection_reason(error) if error else None)
        if self._timer is not None:
            self._timer.cancel()
        # They hold us, and we hold them: without this, the garbage collector alone could free all.
        del self._parser, self._given_up
        self._closed(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser says: here is a header field; those that come after the body are of no use to us."""
        key = KEPT_FIELDS[name]
        if key is None or self._in_body:
            return
        text, headers = value.decode("latin-1"), self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """The parser says: a body follows, or nothing. Or another answer, that nobody waits for, is there already."""
        if self._exchange is None:
            self._is_accounted_for = False
            return
        self._in_body = True
        self._status = status = self._parser.get_status_code()
        headers = self._headers
        if status in _BODILESS:
            if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
                self._is_accounted_for = False
        elif "content-length" not in headers:
            self._expect_chunks(headers.get("transfer-encoding"))

    def on_chunk_header(self) -> None:
        """The parser says: a chunk follows."""
        self._chunks += 1
        if len(self._body) >= PARTS_KEPT_APART:
            self._body = [joined(self._body)]

    def on_body(self, part: bytes) -> None:
        """The parser says: here is a part of the body."""
        self._body_bytes += len(part)
        if self._exchange is None or self._body_bytes > self._exchange.most_bytes:
            self._fail(TooLong())
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """The parser says: that was all."""
        exchange = self._exchange
        if exchange is None:
            return
        if self._is_chunked and self._is_frame_too_long():
            self._fail(HeadTooLong())
            return
        self._exchange = None
        if exchange.answer.done() or not self._parser.should_keep_alive():
            self._is_accounted_for = False
        # To call it would cost more, and there is nothing left to end.
        exchange.answer.remove_done_callback(self._given_up)
        exchange.succeed(self._status, self._headers, b"".join(self._body))

    def _came_before(self, exchange: Exchange) -> bool:
        """Whether what came cannot be an answer to the request, as nothing of that had arrived when it was sent."""
        unacknowledged = self._socket.unacknowledged()
        if unacknowledged == 0:
            return False
        self._is_accounted_for = False
        if len(exchange.request) > min(unacknowledged, _ONE_RECORD_BYTES):
            return False
        self._exchange = None
        self.abort()
        exchange.lose(untouched=True)
        return True

    def _expect_chunks(self, coding: str | None) -> None:
        """An answer without a length. No coding but chunks was asked for, and those only once (sections 6.1, 7.4)."""
        if coding is None:
            self._ends_with_connection = True
        elif coding.strip().lower() != "chunked":
            self._fail(Unparsable())
        else:
            self._is_chunked = True
            self._chunks = 0
            if self._parser.get_http_version() != "1.1":
                self._is_accounted_for = False

    def _gathered(self, data: bytes) -> bytes:
        """An answer whose head came in pieces or behind interim ones; empty where there is none yet, or none at all."""
        gatherer = self._gatherer = self._gatherer or HeadGatherer()
        try:
            answer = gatherer.add(data)
        except (Unparsable, HeadTooLong) as failure:
            self._fail(failure)
            return b""
        if answer:
            self._gatherer = None
        return answer

    def _parse_unfolded(self, data: bytes) -> None:
        """Parse once more what the parser refused, if that was for its folded lines."""
        head, end, body = data.partition(HEAD_END)
        flat = None if self._in_body else unfolded(head)
        if flat is None:
            self._fail(Unparsable())
            return
        self._headers = {}
        self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(flat + end + body)
        except httptools.HttpParserError:
            self._fail(Unparsable())

    def _is_followed(self, data: bytes) -> bool:
        """Whether there are bytes behind an answer, in what came with its end."""
        if not self._is_chunked:
            return self._received > self._body_bytes
        # The parser passes over line ends between two answers without a word; all else it has told.
        self._is_chunked = False
        return not ends_with_chunks(data)

    def _is_frame_too_long(self) -> bool:
        """Whether trailers and the extensions of chunks are longer than a head may be."""
        return self._received - self._body_bytes - self._chunks * CHUNK_FRAME_BYTES > MAX_HEAD_BYTES

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
        """A timer outlives its exchange and serves the next: a new one for each costs as much as parsing an answer."""
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
