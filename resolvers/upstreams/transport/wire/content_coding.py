"""Undoes what `Content-Encoding` says was done to a body (RFC 9110, section 8.4)."""

import zlib
from typing import Final

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_CODINGS: Final = frozenset({"gzip", "x-gzip"})
_NO_CODINGS: Final = frozenset({"", "identity"})


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
    coding = coding.strip().lower()
    if coding in _NO_CODINGS or not body:
        return body
    if coding not in _CODINGS:
        raise Undecodable
    return _unzipped(body, most_bytes)


def _unzipped(body: bytes, most_bytes: int) -> bytes:
    """All members of a gzip file, one after the other (RFC 1952, section 2.2)."""
    parts: list[bytes] = []
    room = most_bytes + 1
    while body and room > 0:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = member.decompress(body, room)
        except zlib.error as error:
            raise Undecodable from error
        parts.append(part)
        room -= len(part)
        if not member.eof and room > 0:
            raise Undecodable
        body = member.unused_data
    return b"".join(parts)
