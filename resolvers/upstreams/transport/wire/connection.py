"""One connection to an upstream, which speaks HTTP/1.1 in the event loop's own thread (RFC 9112).

Parsing is llhttp's, by httptools. What is above that is ours because every library that we measured costs two to six
times as much for a call, most of it for handing work from thread to thread and back: docs/performance.md.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from resolvers.upstreams.call import Answer, HeaderField
from resolvers.upstreams.transport.wire.exchange import Exchange
from resolvers.upstreams.transport.wire.failures import Late, TooLong, Unparsable
from resolvers.upstreams.transport.wire.kept_fields import kept_field
from resolvers.upstreams.transport.wire.reasons import connection_reason

MAX_HEAD_BYTES: Final = 64 * 1024
"""All header fields of an answer; the limits of servers for theirs are 8 to 32 KiB."""

_FIRST_FINAL_STATUS: Final = 200


class Connection(asyncio.Protocol):
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
        "_closed",
        "_ends_with_connection",
        "_exchange",
        "_head_bytes",
        "_headers",
        "_in_body",
        "_loop",
        "_parser",
        "_released",
        "_timer",
        "_transport",
        "_untouched",
        "_watched_until",
        "account",
        "idle_since",
    )

    def __init__(
        self,
        account: str | None,
        released: "Callable[[Connection], None]",
        closed: "Callable[[Connection], None]",
    ) -> None:
        self.account = account
        self._released = released
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._watched_until = 0.0
        self._exchange: Exchange | None = None
        self._untouched = True
        self._expect_head()
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether an exchange can begin."""
        return not self._transport.is_closing()

    @property
    def protocol(self) -> str | None:
        """What was agreed on by ALPN, if anything (RFC 7301)."""
        tls = self._transport.get_extra_info("ssl_object")
        return None if tls is None else tls.selected_alpn_protocol()

    def carry(self, exchange: Exchange) -> "asyncio.Future[Answer]":
        """Send a request; what comes is its answer. To give that up ends the connection, which would still bring it."""
        self._exchange = exchange
        self._untouched = True
        self._expect_head()
        exchange.answer.add_done_callback(self._end_if_given_up)
        if self._timer is None or exchange.until < self._watched_until:
            self._watch(exchange.until)
        self._transport.write(exchange.request)
        return exchange.answer

    def abort(self) -> None:
        """End it at once, whatever is on its way."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The event loop says: it is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """The event loop says: here is a part of an answer, or something that nobody asked for."""
        if self._exchange is None:
            self.abort()
            return
        self._untouched = False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Unparsable())
            return
        if not self._in_body:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._fail(TooLong())

    def connection_lost(self, error: Exception | None) -> None:
        """The event loop says: it is over. That ends an answer that told no length (RFC 9112, section 6.3)."""
        if error is None and self._ends_with_connection:
            self._finish()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lose(untouched=self._untouched, reason=connection_reason(error) if error else None)
        if self._timer is not None:
            self._timer.cancel()
        # It holds our methods, and we hold it: without this, the garbage collector alone could free both.
        del self._parser
        self._closed(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser says: here is a header field; those that come after the body are of no use to us."""
        key = kept_field(name)
        if key is None or self._in_body:
            return
        text, headers = value.decode("latin-1"), self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """The parser says: a body follows, or nothing."""
        self._in_body = True
        self._ends_with_connection = "content-length" not in self._headers and "transfer-encoding" not in self._headers

    def on_body(self, part: bytes) -> None:
        """The parser says: here is a part of the body."""
        self._body_bytes += len(part)
        if self._exchange is None or self._body_bytes > self._exchange.most_bytes:
            self._fail(TooLong())
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """The parser says: that was all. It may have been an interim answer, or one too many."""
        if self._parser.get_status_code() < _FIRST_FINAL_STATUS:
            self._expect_head()
            return
        exchange = self._exchange
        self._finish()
        if exchange is not None and not exchange.answer.cancelled() and self._parser.should_keep_alive():
            self.idle_since = self._loop.time()
            self._released(self)
        else:
            self.abort()

    def _expect_head(self) -> None:
        self._headers: dict[HeaderField, str] = {}
        self._body: list[bytes] = []
        self._head_bytes = 0
        self._body_bytes = 0
        self._in_body = False
        self._ends_with_connection = False

    def _finish(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.succeed(self._parser.get_status_code(), self._headers, b"".join(self._body))

    def _fail(self, failure: Exception) -> None:
        exchange, self._exchange = self._exchange, None
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
