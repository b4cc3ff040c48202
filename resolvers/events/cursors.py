"""Cursors of a subscription: where in the log it stands, which ids have had their SNAPSHOT, and what was wrong."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from resolvers.errors import BadInput
from resolvers.events.changes import RecordKey

MAX_CURSOR_LENGTH: Final = 16_384
"""Characters; what the largest subscription's cursor takes, and some."""

_MARK_BYTES: Final = 4
_SEAL_BYTES: Final = 12


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a subscription stands.

    Args:
        epoch: Of the log that the position belongs to.
        position: Every change up to here was told, of each record that is covered.
        marks: Those of the covered records, one behind another.
        problems: Those of the problems that were told and have not ended, one behind another.
    """

    epoch: str
    position: int
    marks: bytes = b""
    problems: bytes = b""

    def covered(self, keys: Iterable[RecordKey]) -> list[RecordKey]:
        """Those of these records that have had their SNAPSHOT."""
        marks = _apart(self.marks)
        return [key for key in keys if mark_of(key.global_id) in marks]

    @property
    def told(self) -> set[bytes]:
        """The marks of the problems, apart."""
        return _apart(self.problems)


_PLACE: Final = msgspec.msgpack.Decoder(Place)


def mark_of(text: str) -> bytes:
    """Stands for a record's global ID or a problem in a cursor; short, since a cursor holds many."""
    return hashlib.blake2b(text.encode(), digest_size=_MARK_BYTES).digest()


def _apart(marks: bytes) -> set[bytes]:
    return {marks[at : at + _MARK_BYTES] for at in range(0, len(marks), _MARK_BYTES)}


class Cursors:
    """Seals places and opens cursors; process lifetime.

    The seal keeps made-up cursors and those of other identities out: to both the answer is the same. Nothing behind it
    is secret, and whatever a cursor says, only the caller's own records are replayed.

    Args:
        secrets: The first seals, all open; without any, the seal is a checksum that survives a restart.
    """

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._keys = [hashlib.blake2b(secret, person=b"status cursors").digest() for secret in secrets or (b"",)]

    def seal(self, identity: str, place: Place) -> str:
        """The cursor of a place."""
        encoded = msgspec.msgpack.encode(place)
        sealed = _seal(self._keys[0], identity, encoded) + encoded
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, identity: str, cursor: str) -> Place:
        """The place that a cursor names.

        Raises:
            BadInput: the gateway never made it, or not for this identity.
        """
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            if len(cursor) > MAX_CURSOR_LENGTH or not self._is_ours(identity, sealed):
                raise _no_cursor()
            return _PLACE.decode(sealed[_SEAL_BYTES:])
        except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
            raise _no_cursor() from error

    def _is_ours(self, identity: str, sealed: bytes) -> bool:
        seal, place = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        return any(hmac.compare_digest(seal, _seal(key, identity, place)) for key in self._keys)


def _seal(key: bytes, identity: str, place: bytes) -> bytes:
    return hashlib.blake2b(identity.encode() + b"\0" + place, key=key, digest_size=_SEAL_BYTES).digest()


def _no_cursor() -> BadInput:
    return BadInput(
        "`after` is no cursor of this subscription: pass the cursor of its last event as it was, or leave it out.",
        path=["after"],
    )
