"""Which records were followed until lately."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from resolvers.events.changes import RecordKey

MAX_LEFT: Final = 10_000


class LeftRecords:
    """Records whose last subscriber has left, and may come back for what it missed; process lifetime.

    Args:
        seconds: For how long they are remembered.
        clock: Seconds that only go forward.
        size: How many are remembered; those left longest ago go first.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], size: int = MAX_LEFT) -> None:
        self._seconds = seconds
        self._clock = clock
        self._size = size
        self._left_at: OrderedDict[RecordKey, float] = OrderedDict()

    def __contains__(self, key: RecordKey) -> bool:
        """Whether its last subscriber left so lately."""
        left_at = self._left_at.get(key)
        return left_at is not None and self._clock() - left_at <= self._seconds

    def note(self, key: RecordKey) -> None:
        """Its last subscriber has left."""
        self._left_at[key] = self._clock()
        self._left_at.move_to_end(key)
        if len(self._left_at) > self._size:
            self._left_at.popitem(last=False)
