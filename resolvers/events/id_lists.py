"""The ids that one subscription follows, and sets of them that are short enough for a cursor.

Theory of operation. A set of some of the ids is a bitmap over the list of all, deflated: the first cursors of 500 ids
differ in how many ids of the list have had their SNAPSHOT, and take a few bytes. A bitmap means something only beside
its list, which is named by a digest. Who resumes with the same ids has the list. For those who resume with others, the
event log keeps it, as long as the changes that a cursor resumes from (`EventLog.keep_ids`).
"""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from typing import Final

MARK_BYTES: Final = 4
DIGEST_BYTES: Final = 8

_RAW, _DEFLATED = b"\0", b"\1"
_WINDOW: Final = -9
"""Raw deflate with the smallest window, since a bitmap has few bytes."""


def mark_of(text: str) -> bytes:
    """Return the mark of a record's global ID or of a problem."""
    return hashlib.blake2b(text.encode(), digest_size=MARK_BYTES).digest()


def split_marks(marks: bytes) -> list[bytes]:
    """Return marks that were concatenated."""
    return [marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES)]


class IdList:
    """The ids of one subscription, in the client's order. Lifetime: subscription.

    Args:
        ids: As the client gave them, each once.

    Attributes:
        marks: Their marks, concatenated.
        digest: Names the list.
    """

    __slots__ = ("_places", "digest", "marks")

    def __init__(self, ids: Sequence[str]) -> None:
        self._places = {one: place for place, one in enumerate(ids)}
        self.marks = b"".join(map(mark_of, ids))
        self.digest = digest_of(self.marks)

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self._places)

    def bit(self, id: str) -> int:  # noqa: A002 - the contract's name
        """Return the bit of an id in bitmaps of the list; 0 if it is none of the list."""
        place = self._places.get(id)
        return 0 if place is None else 1 << place

    def packed(self, bits: int) -> bytes:
        """Return a bitmap of the list in few bytes."""
        raw = bits.to_bytes(-(-len(self) // 8), "little")
        deflate = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, 1)
        deflated = deflate.compress(raw) + deflate.flush()
        return _DEFLATED + deflated if len(deflated) < len(raw) else _RAW + raw


def digest_of(marks: bytes) -> bytes:
    """Return the name of the list with these marks."""
    return hashlib.blake2b(marks, digest_size=DIGEST_BYTES).digest()


def unpacked(packed: bytes, marks: bytes) -> Iterable[bytes]:
    """Return the marks in a set of some ids of a list.

    Args:
        packed: The set, as `IdList.packed` returned it.
        marks: The marks of the list, concatenated.

    Raises:
        ValueError: It is no such set.
    """
    listed = split_marks(marks)
    most = -(-len(listed) // 8)
    try:
        # Bounded, because without secrets clients can make cursors of their own.
        raw = packed[1:] if packed[:1] == _RAW else zlib.decompressobj(_WINDOW).decompress(packed[1:], most + 1)
    except zlib.error as error:
        raise ValueError("It is no set of ids.") from error
    if len(raw) > most:
        raise ValueError("It is a set of ids of a longer list.")
    bits = int.from_bytes(raw, "little")
    return [mark for place, mark in enumerate(listed) if bits >> place & 1]
