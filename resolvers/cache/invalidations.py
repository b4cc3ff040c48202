"""What was invalidated lately: nothing read before a change is kept after it, and its dependents are notified."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Final


class Marks:
    """The latest mark of each key; process lifetime.

    Marks only grow. The keys whose marks are oldest make room, and any key that is not remembered may have had the
    mark of the last that did.

    Args:
        remembered: How many keys.

    Attributes:
        floor: The latest mark that a key may have that is not remembered.
    """

    __slots__ = ("_marks", "_remembered", "floor")

    def __init__(self, remembered: int) -> None:
        self._marks: OrderedDict[str, int] = OrderedDict()
        self._remembered = remembered
        self.floor = 0

    def __len__(self) -> int:
        return len(self._marks)

    def set(self, key: str, mark: int) -> None:
        """Give a key its latest mark."""
        self._marks[key] = mark
        self._marks.move_to_end(key)
        if len(self._marks) > self._remembered:
            _, self.floor = self._marks.popitem(last=False)

    def get(self, key: str) -> int:
        """The latest mark that the key may have."""
        return self._marks.get(key, self.floor)

    def clear(self, floor: int) -> None:
        """Let every key have this mark."""
        self._marks.clear()
        self.floor = floor


REMEMBERED: Final = 100_000
"""Forgotten keys whose order is known; what was read before an older one is not kept, whatever it is."""


Listener = Callable[[frozenset[str] | None], None]
"""Is told the forgotten keys, or None where everything is forgotten; must not raise."""


class Invalidations:
    """Counts and remembers what was forgotten in this process; process lifetime.

    Attributes:
        mark: How many times something was forgotten so far: note it before reading, and ask `since` before keeping.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self.mark = 0
        self._marks = Marks(remembered)
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of everything forgotten from now on.

        Returns:
            What ends that.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def note(self, keys: Iterable[str]) -> None:
        """Note that keys were forgotten, and tell."""
        forgotten = frozenset(keys)
        self.mark += 1
        for key in forgotten:
            self._marks.set(key, self.mark)
        self._tell(forgotten)

    def note_all(self) -> None:
        """Note that everything was forgotten, and tell."""
        self.mark += 1
        self._marks.clear(self.mark)
        self._tell(None)

    def since(self, mark: int, keys: Collection[str]) -> bool:
        """Whether any of the keys may have been forgotten after a mark."""
        if mark == self.mark:
            return False
        return mark < self._marks.floor or any(self._marks.get(key) > mark for key in keys)

    def _tell(self, keys: frozenset[str] | None) -> None:
        for listener in tuple(self._listeners):
            listener(keys)
