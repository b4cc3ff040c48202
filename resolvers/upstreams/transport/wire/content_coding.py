"""Undoes what `Content-Encoding` says was done to a body (RFC 9110, section 8.4)."""

import zlib
from typing import Final

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_CODINGS: Final = frozenset({"gzip", "x-gzip"})
_NO_CODINGS: Final = frozenset({"", "identity"})

_MOST_MEMBERS: Final = 1024
"""Of a gzip file: an empty one takes 20 bytes and as long to undo as some thousand bytes of data."""

_FED_BYTES: Final = 64 * 1024
"""At once, as what is behind a member comes back as a copy."""


class Undecodable(ValueError):
    """A body is not coded as its answer says, or in a way that was not asked for."""


def decoded(body: bytes, coding: str, most_bytes: int) -> bytes:
    """The body as it was before it was coded, or its beginning where that is longer than allowed.

    Args:
        body: As it came.
        coding: The value of `Content-Encoding`.
        most_bytes: Not much more than this is ever made of the body, however well it was compressed.

    Raises:
        Undecodable: it is broken, cut short, or coded in another way than gzip.
    """
    codings = [name for part in coding.split(",") if (name := part.strip().lower()) not in _NO_CODINGS]
    if not codings or not body:
        return body
    if len(codings) > 1 or codings[0] not in _CODINGS:
        raise Undecodable
    return _unzipped(memoryview(body), most_bytes)


def _unzipped(body: memoryview, most_bytes: int) -> bytes:
    """All members of a gzip file, one after the other (RFC 1952, section 2.2), without the zeros that may follow."""
    parts: list[bytes] = []
    room = most_bytes + 1
    for _ in range(_MOST_MEMBERS):
        body, room = _unzip_member(body, room, parts)
        if room <= 0:
            break
        if not any(body[:1]):
            if body.tobytes().strip(b"\0"):
                raise Undecodable
            break
    else:
        raise Undecodable
    return b"".join(parts)


def _unzip_member(body: memoryview, room: int, parts: list[bytes]) -> tuple[memoryview, int]:
    """Append what the first member holds, as far as there is room; answer what is behind it, and the room left."""
    member = zlib.decompressobj(_GZIP_WINDOW)
    while not member.eof and room > 0:
        fed = body[:_FED_BYTES]
        try:
            part = member.decompress(fed, room)
        except zlib.error as error:
            raise Undecodable from error
        if not fed and not part:
            raise Undecodable
        parts.append(part)
        room -= len(part)
        body = body[len(fed) - len(member.unused_data) - len(member.unconsumed_tail) :]
    return body, room
