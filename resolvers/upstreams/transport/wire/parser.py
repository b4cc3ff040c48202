"""The parts of an answer around its parser (RFC 9112, sections 2 to 7): head, header fields, chunks.

llhttp takes what nobody should, such as `RTSP/1.0` or a status of 099, and refuses some of what a client must take:
fields of any kind in an interim answer (section 6.3) and folded lines (section 5.2). It gets whole heads of final
answers only, so that an answer is read alike however it is cut into packets.
"""

import re
from collections.abc import Sequence
from typing import Final, get_args

from resolvers.upstreams.call import HeaderField
from resolvers.upstreams.transport.wire.failures import HeadTooLong, Unparsable

_NAMES_REMEMBERED: Final = 1024
_KEPT: Final[dict[str, HeaderField]] = {name: name for name in get_args(HeaderField)}


class KeptFields(dict[bytes, HeaderField | None]):
    """Names of fields as they come, in any case (RFC 9110, section 5.1); None for those that nobody reads.

    Lives as long as its process; a name is looked at once, as long as there are no more than a server has.
    """

    def __missing__(self, name: bytes) -> HeaderField | None:
        """A name that is new."""
        field = _KEPT.get(name.lower().decode("latin-1"))
        if len(self) < _NAMES_REMEMBERED:
            self[name] = field
        return field


KEPT_FIELDS: Final = KeptFields()

MAX_HEAD_BYTES: Final = 64 * 1024
"""The head of an answer with the interim answers before it; the limits of servers for theirs are 8 to 32 KiB."""

HEAD_END: Final = b"\r\n\r\n"
START_LENGTH: Final = len(b"HTTP/1.1 2")
FINAL_STARTS: Final = frozenset(b"HTTP/1.%d %d" % (minor, hundreds) for minor in (0, 1) for hundreds in range(2, 10))
"""How a final answer begins: the versions that are spoken here (section 2.3), and statuses from 200 up."""

_STARTS: Final = (*FINAL_STARTS, b"HTTP/1.0 1", b"HTTP/1.1 1")

_INTERIM_LINE: Final = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9]{2}(?: [^\r\n]*)?\r\n")
"""101 is none of them: after it another protocol is spoken, which nobody here asks for."""

_FOLD: Final = re.compile(rb"\r\n[ \t]+")


class HeadGatherer:
    """Puts the head of a final answer together; lives from an answer's first byte until its head is whole."""

    __slots__ = ("_gathered", "_interim_bytes", "_searched")

    def __init__(self) -> None:
        self._gathered = bytearray()
        self._searched = 0
        self._interim_bytes = 0

    def add(self, data: bytes) -> bytes:
        """The final answer from its first byte on; empty while its head is not whole.

        Args:
            data: What came after what was given before.

        Raises:
            Unparsable: it is no answer of HTTP/1.0 or HTTP/1.1.
            HeadTooLong: there is no end of it.
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
            self._pass_over(length)
        return b""

    def _length(self) -> int:
        """Bytes of the next head with the empty line behind it; 0 while that did not come."""
        end = self._gathered.find(HEAD_END, self._searched)
        self._searched = max(0, len(self._gathered) - len(HEAD_END) + 1)
        return end + len(HEAD_END) if end >= 0 else 0

    def _pass_over(self, length: int) -> None:
        """An interim answer ends with its head, whatever its fields say of a body (section 6.3)."""
        if not _INTERIM_LINE.match(self._gathered):
            raise Unparsable
        del self._gathered[:length]
        self._searched = 0
        self._interim_bytes += length


def unfolded(head: bytes) -> bytes | None:
    """The head with each field on one line (section 5.2); None where no line is folded, or the status line is."""
    flat = _FOLD.sub(b" ", head)
    is_status_line_whole = flat.partition(b"\r\n")[0] == head.partition(b"\r\n")[0]
    return flat if flat != head and is_status_line_whole else None


CHUNK_FRAME_BYTES: Final = 24
"""What may be around a chunk and is no extension: 16 digits of length and two line ends, with some room."""

PARTS_KEPT_APART: Final = 1024
"""Parts of a body; each takes some forty bytes beside its own, and a chunk may be one byte."""

_END: Final = re.compile(rb"(?:[^\r\n]\r\n\r\n|\A\r?\n)\Z")
_LONGEST_END: Final = 5


def ends_with_chunks(data: bytes) -> bool:
    """Whether nothing but the end of its chunks and trailers stands at the end of the last read of an answer.

    Args:
        data: What was read; where it is short, it may end as it should and not be known to.
    """
    return _END.search(data[-_LONGEST_END:]) is not None


def joined(parts: Sequence[bytes | bytearray]) -> bytearray:
    """The parts as one, the first of which grows by the others if it was joined before."""
    first, *others = parts
    whole = first if isinstance(first, bytearray) else bytearray(first)
    whole += b"".join(others)
    return whole
