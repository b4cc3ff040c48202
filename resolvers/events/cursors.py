"""Cursors, by which a subscription resumes after any of its events, and the progress that they hold.

Theory of operation
-------------------
A cursor is stateless: it holds all that resuming needs, so any process of the gateway can resume it, even after a
restart. It is base64url of a seal and a `ResumePoint` in MessagePack::

    seal, 12 bytes | [epoch, position, marks of covered records, marks of reported problems]

Records and problems are represented by hashes of 4 bytes ("marks"), because one subscription may have hundreds. In a
collision, a record counts as covered that is not, and only its SNAPSHOT is left out. The seal is a keyed hash of the
account's name and the content, so that made-up cursors and those of other callers are refused. The content is not
secret, and resuming only ever replays the caller's own records.

The epoch in it is followed by the fingerprint of the account's credentials. When these change, so does the account's
identity, and the log has nothing of the new one from before: the cursor has to lead to a GAP, as one of another epoch.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from resolvers.errors import BadInput
from resolvers.events.changes import RecordKey
from resolvers.identities import account_name, fingerprint

MAX_CURSOR_LENGTH: Final = 16_384
"""Characters; more than the cursor of the largest subscription."""


_MARK_BYTES: Final = 4


_SEAL_BYTES: Final = 12


class ResumePoint(msgspec.Struct, frozen=True, array_like=True):
    """The point in the log that a subscription has reached.

    Args:
        epoch: The epoch of the log that the position belongs to.
        position: Every change of the covered records up to here has been sent.
        marks: The marks of the covered records, concatenated.
        problems: The marks of the reported problems that have not ended, concatenated.
    """

    epoch: str
    position: int
    marks: bytes = b""
    problems: bytes = b""

    def covered(self, keys: Iterable[RecordKey]) -> list[RecordKey]:
        """Return those of these records that have had their SNAPSHOT."""
        marks = _split(self.marks)
        return [key for key in keys if mark_of(key.global_id) in marks]

    @property
    def reported(self) -> set[bytes]:
        """The marks of the reported problems, as a set."""
        return _split(self.problems)


_RESUME_POINT: Final = msgspec.msgpack.Decoder(ResumePoint)


def mark_of(text: str) -> bytes:
    """Return the mark of a record's global ID or of a problem."""
    return hashlib.blake2b(text.encode(), digest_size=_MARK_BYTES).digest()


def _split(marks: bytes) -> set[bytes]:
    return {marks[at : at + _MARK_BYTES] for at in range(0, len(marks), _MARK_BYTES)}


class Cursors:
    """Seals and opens cursors. Lifetime: process.

    Args:
        secrets: The first seals, and each opens, so that secrets can be rotated. Without any, the seal is an unkeyed
            checksum, which is valid after a restart too.
    """

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._keys = [hashlib.blake2b(secret, person=b"status cursors").digest() for secret in secrets or (b"",)]

    def seal(self, identity: str, point: ResumePoint) -> str:
        """Return the cursor of a resume point."""
        encoded = msgspec.msgpack.encode(msgspec.structs.replace(point, epoch=point.epoch + fingerprint(identity)))
        sealed = _seal(self._keys[0], identity, encoded) + encoded
        # Padding is left out, because `=` would be escaped in URLs; `open` restores it.
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, identity: str, cursor: str) -> ResumePoint:
        """Return the resume point in a cursor; its epoch is empty if the account's credentials have changed since.

        Raises:
            BadInput: The cursor was not made by the gateway, or not for this identity.
        """
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise _no_cursor()
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            # The seal is checked before anything is decoded from the content.
            if not self._is_ours(identity, sealed):
                raise _no_cursor()
            point = _RESUME_POINT.decode(sealed[_SEAL_BYTES:])
        except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
            raise _no_cursor() from error
        current = fingerprint(identity)
        epoch = point.epoch.removesuffix(current) if point.epoch.endswith(current) else ""
        return msgspec.structs.replace(point, epoch=epoch)

    def _is_ours(self, identity: str, sealed: bytes) -> bool:
        seal, point = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        # In constant time, so that a seal cannot be guessed byte by byte.
        return any(hmac.compare_digest(seal, _seal(key, identity, point)) for key in self._keys)


def _seal(key: bytes, identity: str, point: bytes) -> bytes:
    # The zero byte separates the two: no identity and content can be read as another pair.
    return hashlib.blake2b(account_name(identity).encode() + b"\0" + point, key=key, digest_size=_SEAL_BYTES).digest()


def _no_cursor() -> BadInput:
    return BadInput(
        "`after` is no cursor of this subscription: pass the cursor of its last event as it was, or leave it out.",
        path=["after"],
    )


class SubscriptionProgress:
    """How far the events of a subscription have been sent. Lifetime: subscription, from `begin` or `resume` on.

    Args:
        cursors: Seals the cursors.
        identity: The identity that the cursors are valid for.

    Attributes:
        position: Every change of the covered records up to here has been sent.
        covered: The records that have had their SNAPSHOT.
    """

    __slots__ = ("_cursors", "_ended", "_epoch", "_identity", "_marks", "_problems", "_reported", "covered", "position")

    def __init__(self, cursors: Cursors, identity: str) -> None:
        self._cursors = cursors
        self._identity = identity
        self._epoch = ""
        self._marks = b""
        self._reported: set[bytes] = set()
        self._problems: dict[str, bytes] = {}
        # By id, because only the mark of a reported problem is known, and not its code.
        self._ended: set[str] = set()
        self.position = 0
        self.covered: set[RecordKey] = set()

    def begin(self, epoch: str, position: int) -> None:
        """Begin, or begin again, with no record covered; reported problems stay reported.

        Args:
            epoch: The log's epoch.
            position: The log's current position.
        """
        self._epoch = epoch
        self._marks = b""
        self.position = position
        self.covered = set()

    def carry_over(self, epoch: str) -> None:
        """Go on in a later epoch of the log, which has everything up to the position."""
        self._epoch = epoch

    def resume(self, point: ResumePoint, keys: Iterable[RecordKey]) -> None:
        """Resume at a point in the log.

        Args:
            point: Where an earlier subscription ended.
            keys: The records of this subscription.
        """
        self.begin(point.epoch, point.position)
        for key in point.covered(keys):
            self.cover(key)
        # Behind the SNAPSHOTs of before, after which the problems may have come.
        self._reported, self._ended = point.reported, set()

    def cover(self, key: RecordKey) -> None:
        """Note that a record has had its SNAPSHOT, which ends its problem."""
        self.covered.add(key)
        # If the same problem occurs again, it is a new one and reported again.
        self._ended.add(key.global_id)
        self._problems.pop(key.global_id, None)
        # Appended and not computed anew: a subscription to hundreds of records makes as many cursors.
        self._marks += mark_of(key.global_id)

    def owe(self, key: RecordKey) -> None:
        """Note that a covered record is owed another SNAPSHOT."""
        self.covered.discard(key)
        self._marks = b"".join(mark_of(one.global_id) for one in self.covered)

    def was_reported(self, code: str, id: str) -> bool:  # noqa: A002 - the contract's name
        """Whether an earlier subscription has reported the same problem of an id, and no SNAPSHOT has ended it since.

        Args:
            code: The error's code; a problem with another code, such as after a change of rights, is reported anew.
            id: As the client gave it.
        """
        return id not in self._ended and _mark_of_problem(code, id) in self._reported

    def report(self, code: str, id: str) -> None:  # noqa: A002 - the contract's name
        """Note a reported problem, which later cursors hold."""
        self._problems[id] = _mark_of_problem(code, id)

    def cursor(self, position: int | None = None) -> str:
        """Return the cursor that resumes after an event.

        Args:
            position: The position of the change, for a CHANGE event.
        """
        at = self.position if position is None else position
        return self._cursors.seal(
            self._identity, ResumePoint(self._epoch, at, self._marks, b"".join(self._problems.values()))
        )


def _mark_of_problem(code: str, id: str) -> bytes:  # noqa: A002 - the contract's name
    return mark_of(f"{code} {id}")
