"""The innermost policy: one try takes no longer than its upstream is given, and never longer than the operation has."""

from collections.abc import Awaitable, Callable
from typing import Final

from resolvers.upstreams.call import Answer, Call, Transport

SHORTEST_TRY: Final = 0.001
"""Seconds; the HTTP library takes no timeout of zero."""


class TryTimeout:
    """Gives each try its time; process lifetime.

    The wire keeps the time itself, below Python, which costs nothing.

    Args:
        inner: The wire.
        seconds: What one try may take.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, inner: Transport, seconds: float, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._seconds = seconds
        self._clock = clock

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send with the smaller of the two times."""
        left = call.deadline - self._clock()
        call.timeout = self._seconds if left > self._seconds else max(SHORTEST_TRY, left)
        return self._inner.send(call)
