"""How many things happened in the last so many seconds, nearly."""


class SlidingCount:
    """Counts in two windows, of which the older fades out; lives as long as its gate.

    Args:
        seconds: The window.
    """

    __slots__ = ("_before", "_count", "_seconds", "_window")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._window = 0
        self._count = 0
        self._before = 0

    def add(self, now: float) -> None:
        """Count one."""
        window = int(now / self._seconds)
        if window != self._window:
            self._turn_to(window)
        self._count += 1

    def last_window(self, now: float) -> float:
        """How many there were in the last so many seconds, taking those of the older window as evenly spread."""
        window, into = divmod(now, self._seconds)
        if int(window) != self._window:
            self._turn_to(int(window))
        return self._count + self._before * (1 - into / self._seconds)

    def _turn_to(self, window: int) -> None:
        self._before = self._count if window == self._window + 1 else 0
        self._count = 0
        self._window = window
