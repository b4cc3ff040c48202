"""What was invalidated lately: nothing read before a change is kept after it, and its dependents are notified."""

from collections.abc import Callable, Collection, Iterable
from typing import Final

from resolvers.cache.keys import Marks

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
