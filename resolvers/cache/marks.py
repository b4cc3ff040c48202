"""When each of many keys last changed, bounded: of a key that made room it is known only that it was not later."""

from collections import OrderedDict


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
