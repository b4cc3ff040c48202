"""Cursors, by which a subscription resumes after any of its events, and the progress that they hold.

Theory of operation
-------------------
A cursor is stateless: it holds all that resuming needs, so any process of the gateway can resume it, even after a
restart. It is base64url of a seal and a `ResumePoint` in MessagePack::

    seal, 12 bytes | [epoch, position, covered records, reported problems, digest of the ids]

Records and problems are represented by hashes of 4 bytes ("marks"). In a collision, a record counts as covered that is
not, and only its SNAPSHOT is left out. Of a subscription to many ids, the cursor has no marks: it has bitmaps over the
ids, in the client's order, and a digest of these (`id_lists.py`). Who resumes with other ids than before needs the list
that the digest names, which the event log keeps; if it has not, the cursor leads to a GAP.

The seal is a keyed hash of the
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
from resolvers.events.id_lists import IdList, digest_of, mark_of, split_marks, unpacked
from resolvers.identities import account_name, fingerprint

MAX_CURSOR_LENGTH: Final = 16_384
"""Characters; more than the cursor of the largest subscription."""


_SEAL_BYTES: Final = 12

MAX_MARKS: Final = 16
"""Marks in a cursor, of records and problems; of more it has bitmaps."""


class ResumePoint(msgspec.Struct, frozen=True, array_like=True):
    """The point in the log that a subscription has reached.

    Args:
        epoch: The epoch of the log that the position belongs to.
        position: Every change of the covered records up to here has been sent.
        marks: The marks of the covered records, concatenated.
        problems: The marks of the reported problems that have not ended, concatenated.
        listed: The digest of the ids that `marks` and `problems` are bitmaps over; empty if they are marks.
    """

    epoch: str
    position: int
    marks: bytes = b""
    problems: bytes = b""
    listed: bytes = b""

    def covered(self, keys: Iterable[RecordKey]) -> list[RecordKey]:
        """Return those of these records that have had their SNAPSHOT."""
        marks = set(split_marks(self.marks))
        return [key for key in keys if mark_of(key.global_id) in marks]

    @property
    def reported(self) -> set[bytes]:
        """The marks of the reported problems, as a set."""
        return set(split_marks(self.problems))

    def expanded(self, listed: bytes | None) -> "ResumePoint":
        """Return the same point with marks in place of bitmaps; one that leads to a GAP if that is not possible.

        Args:
            listed: The marks of the ids that the digest names; None where the list is lost.
        """
        try:
            if listed is None or digest_of(listed) != self.listed:
                return ResumePoint("", self.position)
            problems = [
                _mark_of_problem(code, mark)
                for code, packed in _PROBLEMS.decode(self.problems)
                for mark in unpacked(packed, listed)
            ]
            return ResumePoint(self.epoch, self.position, b"".join(unpacked(self.marks, listed)), b"".join(problems))
        except (ValueError, msgspec.MsgspecError):
            return ResumePoint("", self.position)


_RESUME_POINT: Final = msgspec.msgpack.Decoder(ResumePoint)
_PROBLEMS: Final = msgspec.msgpack.Decoder(list[tuple[str, bytes]])
"""Decodes the problems of many ids: by code, a bitmap of the ids that have it."""


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
        listed: All ids of the subscription; None if they change while it runs.

    Attributes:
        position: Every change of the covered records up to here has been sent.
        covered: The records that have had their SNAPSHOT.
    """

    __slots__ = (
        "_bits", "_codes", "_cursors", "_ended", "_epoch", "_identity", "_listed", "_marks", "_problems", "_reported",
        "covered", "position",
    )  # fmt: skip

    def __init__(self, cursors: Cursors, identity: str, listed: IdList | None = None) -> None:
        self._listed = None if listed is None or len(listed) <= MAX_MARKS else listed
        self._bits = 0
        self._codes: dict[str, str] = {}
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
        self._bits = 0
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
        self._codes.pop(key.global_id, None)
        # Appended and not computed anew: a subscription to hundreds of records makes as many cursors.
        if self._listed is None:
            self._marks += mark_of(key.global_id)
        else:
            self._bits |= self._listed.bit(key.global_id)

    def owe(self, key: RecordKey) -> None:
        """Note that a covered record is owed another SNAPSHOT."""
        self.covered.discard(key)
        if self._listed is None:
            self._marks = b"".join(mark_of(one.global_id) for one in self.covered)
        else:
            self._bits &= ~self._listed.bit(key.global_id)

    def was_reported(self, code: str, id: str) -> bool:  # noqa: A002 - the contract's name
        """Whether an earlier subscription has reported the same problem of an id, and no SNAPSHOT has ended it since.

        Args:
            code: The error's code; a problem with another code, such as after a change of rights, is reported anew.
            id: As the client gave it.
        """
        return id not in self._ended and _mark_of_problem(code, mark_of(id)) in self._reported

    def report(self, code: str, id: str) -> None:  # noqa: A002 - the contract's name
        """Note a reported problem, which later cursors hold."""
        self._problems[id] = _mark_of_problem(code, mark_of(id))
        self._codes[id] = code

    def cursor(self, position: int | None = None) -> str:
        """Return the cursor that resumes after an event.

        Args:
            position: The position of the change, for a CHANGE event.
        """
        at = self.position if position is None else position
        return self._cursors.seal(self._identity, self._point(at))

    def _point(self, position: int) -> ResumePoint:
        if self._listed is None:
            return ResumePoint(self._epoch, position, self._marks, b"".join(self._problems.values()))
        covered, digest = self._listed.packed(self._bits), self._listed.digest
        return ResumePoint(self._epoch, position, covered, self._packed_problems(self._listed), digest)

    def _packed_problems(self, listed: IdList) -> bytes:
        bits: dict[str, int] = {}
        for id_, code in self._codes.items():
            bits[code] = bits.get(code, 0) | listed.bit(id_)
        return msgspec.msgpack.encode([(code, listed.packed(one)) for code, one in bits.items()])


def _mark_of_problem(code: str, mark: bytes) -> bytes:
    """Return the mark of a problem, given the mark of its id."""
    return mark_of(f"{code} {mark.hex()}")
