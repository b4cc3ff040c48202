"""What an answer in chunks is held to beside its parser (RFC 9112, section 7.1)."""

import re
from collections.abc import Sequence
from typing import Final

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
