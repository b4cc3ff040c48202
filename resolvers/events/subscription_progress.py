"""What one subscriber has been told, and the cursor that says so."""

from collections.abc import Iterable

from resolvers.events.changes import RecordKey
from resolvers.events.cursors import Cursors, Place, mark_of


class SubscriptionProgress:
    """How far a subscriber has been told everything; subscription lifetime, from `begin` or `resume` on.

    Args:
        cursors: Seals it.
        identity: Whose cursors they are.

    Attributes:
        position: Every change up to here was told, of each record that is covered.
        covered: The records that have had their SNAPSHOT.
    """

    __slots__ = ("_cursors", "_epoch", "_identity", "_known", "_marks", "_problems", "covered", "position")

    def __init__(self, cursors: Cursors, identity: str) -> None:
        self._cursors = cursors
        self._identity = identity
        self._epoch = ""
        self._marks = b""
        self._known: set[bytes] = set()
        self._problems: dict[str, bytes] = {}
        self.position = 0
        self.covered: set[RecordKey] = set()

    def begin(self, epoch: str, position: int) -> None:
        """Begin, or begin anew, with no record covered; which problems there are stays told.

        Args:
            epoch: Of the log.
            position: Where the log stands.
        """
        self._epoch = epoch
        self._marks = b""
        self.position = position
        self.covered = set()

    def resume(self, place: Place, keys: Iterable[RecordKey]) -> None:
        """Go on at a place, in the log that it belongs to.

        Args:
            place: Where an earlier subscription ended.
            keys: What this one follows.
        """
        self.begin(place.epoch, place.position)
        self._known = place.told
        for key in place.covered(keys):
            self.cover(key)

    def cover(self, key: RecordKey) -> None:
        """Note that a record has had its SNAPSHOT, which ends the problem that it had."""
        self.covered.add(key)
        self._known.discard(self._problems.pop(key.global_id, b""))
        self._marks += mark_of(key.global_id)

    def uncover(self, key: RecordKey) -> None:
        """Note that a record has to have a SNAPSHOT once more."""
        self.covered.discard(key)
        self._marks = b"".join(mark_of(one.global_id) for one in self.covered)

    def knows(self, code: str, id: str) -> bool:  # noqa: A002 - the contract's name
        """Whether an earlier subscription was told that an id cannot be followed or read, for the same reason.

        Args:
            code: Of the error: what keeps a caller from an id may change, such as its rights, and is then told anew.
            id: As the client gave it.
        """
        return _mark_of_problem(code, id) in self._known

    def note(self, code: str, id: str) -> None:  # noqa: A002 - the contract's name
        """Note that this is told, and not to be told again behind the cursors from here on."""
        self._problems[id] = _mark_of_problem(code, id)

    def cursor(self, position: int | None = None) -> str:
        """Where to go on after an event.

        Args:
            position: Of the change that the event tells; left out for every other event.
        """
        at = self.position if position is None else position
        return self._cursors.seal(
            self._identity, Place(self._epoch, at, self._marks, b"".join(self._problems.values()))
        )


def _mark_of_problem(code: str, id: str) -> bytes:  # noqa: A002 - the contract's name
    return mark_of(f"{code} {id}")
