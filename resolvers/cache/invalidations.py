"""Recent invalidations: nothing that was read before a change is kept after it, and listeners are notified.

Theory of operation
-------------------
Each invalidation increases `mark` and gives it to its keys. A read notes `mark` before it begins, and asks `since`
before it keeps its result: a key with a later mark was invalidated meanwhile, and the result may be older than the
change. The table of marks is bounded; `floor` is the latest mark of a key that has left it, so a read that began before
the floor is not kept, whatever its key.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Final


class Marks:
    """The latest mark of each key, for a bounded number of keys. Lifetime: process.

    Marks only increase. The keys with the oldest marks are dropped first.

    Args:
        remembered: How many keys are remembered.

    Attributes:
        floor: The latest mark that a key that is not remembered may have.
    """

    __slots__ = ("_marks", "_remembered", "floor")

    def __init__(self, remembered: int) -> None:
        self._marks: OrderedDict[str, int] = OrderedDict()
        self._remembered = remembered
        self.floor = 0

    def __len__(self) -> int:
        return len(self._marks)

    def set(self, key: str, mark: int) -> None:
        """Set the latest mark of a key."""
        self._marks[key] = mark
        self._marks.move_to_end(key)
        if len(self._marks) > self._remembered:
            _, self.floor = self._marks.popitem(last=False)

    def get(self, key: str) -> int:
        """Return the latest mark that the key may have."""
        return self._marks.get(key, self.floor)

    def clear(self, floor: int) -> None:
        """Set this mark for every key."""
        self._marks.clear()
        self.floor = floor


REMEMBERED: Final = 100_000
"""How many invalidated keys are remembered."""


Listener = Callable[[frozenset[str] | None], None]
"""Called with the invalidated keys, or None if everything is invalidated; must not raise."""


class Invalidations:
    """Counts and remembers the invalidations of this process. Lifetime: process.

    Attributes:
        mark: The number of invalidations so far.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self.mark = 0
        self._marks = Marks(remembered)
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call the listener at each invalidation from now on.

        Returns:
            A function that ends the subscription.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def note(self, keys: Iterable[str]) -> None:
        """Note that keys were invalidated, and notify the listeners."""
        invalidated = frozenset(keys)
        self.mark += 1
        for key in invalidated:
            self._marks.set(key, self.mark)
        self._notify(invalidated)

    def note_all(self) -> None:
        """Note that everything was invalidated, and notify the listeners."""
        self.mark += 1
        self._marks.clear(self.mark)
        self._notify(None)

    def since(self, mark: int, keys: Collection[str]) -> bool:
        """Return whether any of the keys may have been invalidated after a mark."""
        # Nearly always: nothing at all was invalidated since.
        if mark == self.mark:
            return False
        return mark < self._marks.floor or any(self._marks.get(key) > mark for key in keys)

    def _notify(self, keys: frozenset[str] | None) -> None:
        # A copy, because a listener may end its subscription.
        for listener in tuple(self._listeners):
            listener(keys)
