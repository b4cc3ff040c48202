"""Decodes a body by its `Content-Encoding` (RFC 9110, section 8.4), bounded in what it makes of it."""

import zlib
from typing import Final

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_CODINGS: Final = frozenset({"gzip", "x-gzip"})
_NO_CODINGS: Final = frozenset({"", "identity"})

# In one body: an empty one is 20 bytes, and takes as long as some thousand bytes of data.
_MAX_MEMBERS: Final = 1024

# Fed at once: small, because zlib returns a copy of what follows a member.
_FED_BYTES: Final = 64 * 1024


class Undecodable(ValueError):
    """A body is not coded as its header says, or in a way that was not asked for."""


def decoded(body: bytes, coding: str, max_bytes: int) -> bytes:
    """Return the decoded body, or more than `max_bytes` of its beginning where it is longer.

    Args:
        body: The body as received.
        coding: The value of `Content-Encoding`.
        max_bytes: How long the decoded body may be; decoding stops soon after that.

    Raises:
        Undecodable: it is broken, cut short, or not coded by gzip.
    """
    codings = [name for part in coding.split(",") if (name := part.strip().lower()) not in _NO_CODINGS]
    if not codings or not body:
        return body
    # Several are allowed (RFC 9110, section 8.4), and no server was asked for them.
    if len(codings) > 1 or codings[0] not in _CODINGS:
        raise Undecodable
    return _unzipped(memoryview(body), max_bytes)


def _unzipped(body: memoryview, max_bytes: int) -> bytes:
    """Decode all members of a gzip file (RFC 1952, section 2.2), without the zeros that may follow them."""
    parts: list[bytes] = []
    room = max_bytes + 1
    for _ in range(_MAX_MEMBERS):
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
    """Append what the first member holds, up to `room` bytes; return what follows it, and the room left."""
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
