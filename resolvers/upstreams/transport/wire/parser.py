"""Parses answers in HTTP/1.1 (RFC 9112): the head, the header fields that are kept, the body and its chunks.

Theory of operation
-------------------
llhttp (by httptools) parses; the code here decides what it gets, and checks what it accounts for::

    bytes --> whole head of a final answer? --no--> HeadGatherer: drops interim answers, waits for the rest
                     | yes                               | whole
                     v                                   v
                  llhttp <-------------------------------+
                     |  refuses a head with folded lines: once more, unfolded
                     v
    on_header ... on_headers_complete (--> on_chunk_header) --> on_body ... --> on_message_complete

llhttp takes what a client must refuse, such as `RTSP/1.0` or a status of 099, and refuses some of what a client must
take: fields of any kind in an interim answer (section 6.3) and folded lines (section 5.2). It is given only whole heads
of final answers, so an answer is parsed alike however it is cut into packets.

An answer is accounted for if its last byte is the last one received, and if both sides agree on which byte that is.
Only then may another exchange follow on the connection.
"""

import re
from collections.abc import Sequence
from typing import Final, get_args

import httptools

from resolvers.upstreams.call import HeaderField
from resolvers.upstreams.transport.wire.exchange import Exchange
from resolvers.upstreams.transport.wire.failures import HeadTooLong, TooLong, Unparsable

_MAX_NAMES: Final = 1024
_KEPT: Final[dict[str, HeaderField]] = {name: name for name in get_args(HeaderField)}


class KeptFields(dict[bytes, HeaderField | None]):
    """Maps the names of header fields, in any case (RFC 9110, section 5.1), to the kept ones; None for all others.

    Lifetime: process.
    """

    def __missing__(self, name: bytes) -> HeaderField | None:
        """Look up a new name."""
        field = _KEPT.get(name.lower().decode("latin-1"))
        # Bounded, because a server may send names without end.
        if len(self) < _MAX_NAMES:
            self[name] = field
        return field


KEPT_FIELDS: Final = KeptFields()

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of an answer's head together with the interim answers before it; servers limit those of requests to 8 to 32 KiB."""

HEAD_END: Final = b"\r\n\r\n"
START_LENGTH: Final = len(b"HTTP/1.1 2")
FINAL_STARTS: Final = frozenset(b"HTTP/1.%d %d" % (minor, hundreds) for minor in (0, 1) for hundreds in range(2, 10))
"""How a final answer begins: HTTP/1.0 or HTTP/1.1 (section 2.3), and a status from 200 up."""

_STARTS: Final = (*FINAL_STARTS, b"HTTP/1.0 1", b"HTTP/1.1 1")

# Not 101: after that another protocol is spoken, and no request asks for one.
_INTERIM_LINE: Final = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9]{2}(?: [^\r\n]*)?\r\n")

_FOLD: Final = re.compile(rb"\r\n[ \t]+")


class HeadGatherer:
    """Puts the head of a final answer together. Lifetime: from an answer's first byte until its head is whole."""

    __slots__ = ("_gathered", "_interim_bytes", "_searched")

    def __init__(self) -> None:
        self._gathered = bytearray()
        self._searched = 0
        self._interim_bytes = 0

    def add(self, data: bytes) -> bytes:
        """Return the final answer from its first byte on; nothing while its head is not whole.

        Args:
            data: What was received since the last call.

        Raises:
            Unparsable: it is no answer in HTTP/1.0 or HTTP/1.1.
            HeadTooLong: the heads received so far are longer than `MAX_HEAD_BYTES`.
        """
        self._gathered += data
        while self._gathered:
            start = bytes(self._gathered[:START_LENGTH])
            if not any(known.startswith(start) for known in _STARTS):
                raise Unparsable
            length = self._length()
            if self._interim_bytes + (length or len(self._gathered)) > MAX_HEAD_BYTES:
                raise HeadTooLong
            if length == 0:
                break
            if start in FINAL_STARTS:
                return bytes(self._gathered)
            self._drop_interim(length)
        return b""

    def _length(self) -> int:
        """Return the bytes of the next head with the empty line that ends it; 0 while that is not there."""
        end = self._gathered.find(HEAD_END, self._searched)
        # The searched part is not searched again, because a head may come one byte at a time.
        self._searched = max(0, len(self._gathered) - len(HEAD_END) + 1)
        return end + len(HEAD_END) if end >= 0 else 0

    def _drop_interim(self, length: int) -> None:
        # An interim answer ends with its head, whatever its fields say of a body (section 6.3).
        if not _INTERIM_LINE.match(self._gathered):
            raise Unparsable
        del self._gathered[:length]
        self._searched = 0
        self._interim_bytes += length


def unfolded(head: bytes) -> bytes | None:
    """Return a head with each field on one line (section 5.2); None where no field is folded, or the status line is."""
    flat = _FOLD.sub(b" ", head)
    is_status_line_whole = flat.partition(b"\r\n")[0] == head.partition(b"\r\n")[0]
    return flat if flat != head and is_status_line_whole else None


_BODILESS: Final = frozenset({204, 304})

CHUNK_FRAME_BYTES: Final = 24
"""Around a chunk without extensions: 16 digits of length and two line ends, with some room."""

MAX_PARTS: Final = 1024
"""Parts of a body that are not joined yet: each takes some forty bytes beside its own, and a chunk may be one byte."""

_CHUNKS_END: Final = re.compile(rb"(?:[^\r\n]\r\n\r\n|\A\r?\n)\Z")
_LONGEST_END: Final = 5


def ends_with_chunks(data: bytes) -> bool:
    """Return whether the last bytes received are the end of chunks and trailers, and nothing after it.

    Args:
        data: The last read of an answer. False where it is too short to know.
    """
    return _CHUNKS_END.search(data[-_LONGEST_END:]) is not None


def joined(parts: Sequence[bytes | bytearray]) -> bytearray:
    """Join the parts of a body; the first of them grows in place if it was joined before."""
    first, *others = parts
    whole = first if isinstance(first, bytearray) else bytearray(first)
    whole += b"".join(others)
    return whole


class AnswerParser:
    """Parses the answers of one connection; the base of `WireConnection`, which feeds it. Lifetime: connection."""

    # A base class and not an object beside the connection, because calls between the two would cost more than parsing.

    __slots__ = (
        "_body",
        "_body_bytes",
        "_chunks",
        "_ends_with_connection",
        "_exchange",
        "_gatherer",
        "_headers",
        "_in_body",
        "_is_accounted_for",
        "_is_chunked",
        "_llhttp",
        "_received",
        "_status",
    )

    def __init__(self) -> None:
        self._llhttp = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._gatherer: HeadGatherer | None = None
        self._is_accounted_for = True
        self._is_chunked = False
        self._ends_with_connection = False
        self._chunks = 0
        self._received = 0
        self._status = 0
        self._in_body = False
        self._headers: dict[HeaderField, str] = {}
        self._body: list[bytes | bytearray] = []
        self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header field (called by llhttp). Trailers are ignored: nothing here reads them."""
        key = KEPT_FIELDS[name]
        if key is None or self._in_body:
            return
        text, headers = value.decode("latin-1"), self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """Prepare for the body (called by llhttp)."""
        if self._exchange is None:
            # Another answer, to no request, follows in the same read.
            self._is_accounted_for = False
            return
        self._in_body = True
        self._status = status = self._llhttp.get_status_code()
        headers = self._headers
        if status in _BODILESS:
            if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
                self._is_accounted_for = False
        elif "content-length" not in headers:
            self._expect_chunks(headers.get("transfer-encoding"))

    def on_chunk_header(self) -> None:
        """Count a chunk that begins (called by llhttp)."""
        self._chunks += 1
        if len(self._body) >= MAX_PARTS:
            self._body = [joined(self._body)]

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body (called by llhttp)."""
        self._body_bytes += len(part)
        if self._exchange is None or self._body_bytes > self._exchange.max_bytes:
            self._fail(TooLong())
        else:
            self._body.append(part)

    def _expect_chunks(self, coding: str | None) -> None:
        """Prepare for an answer without a length (sections 6.1, 7.4)."""
        if coding is None:
            self._ends_with_connection = True
        elif coding.strip().lower() != "chunked":
            # No other coding was asked for, and chunks may be applied only once.
            self._fail(Unparsable())
        else:
            self._is_chunked = True
            self._chunks = 0
            if self._llhttp.get_http_version() != "1.1":
                # HTTP/1.0 has no chunks, so its framing may be faulty and the connection must end (section 6.1).
                self._is_accounted_for = False

    def _gather(self, data: bytes) -> bytes:
        """Return an answer whose head came in pieces or after interim ones; nothing while it is not whole, or fails."""
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
        """Parse once more what llhttp refused, if it refused folded lines."""
        head, end, body = data.partition(HEAD_END)
        flat = None if self._in_body else unfolded(head)
        if flat is None:
            self._fail(Unparsable())
            return
        self._headers = {}
        self._llhttp = httptools.HttpResponseParser(self)
        try:
            self._llhttp.feed_data(flat + end + body)
        except httptools.HttpParserError:
            self._fail(Unparsable())

    def _is_followed(self, data: bytes) -> bool:
        """Return whether bytes follow the answer, in the read that brought its end."""
        if not self._is_chunked:
            return self._received > self._body_bytes
        # llhttp skips line ends between two answers silently, so they are looked for; anything else it has reported.
        self._is_chunked = False
        return not ends_with_chunks(data)

    def _is_frame_too_long(self) -> bool:
        """Return whether trailers and the extensions of chunks are longer than a head may be."""
        return self._received - self._body_bytes - self._chunks * CHUNK_FRAME_BYTES > MAX_HEAD_BYTES

    def _fail(self, failure: Exception) -> None:
        raise NotImplementedError
