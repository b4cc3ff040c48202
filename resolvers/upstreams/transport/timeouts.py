"""The deadline of an operation and the timeout of one try: the outermost and the innermost policy.

Nothing is sent for an operation whose time is up, and a try takes no longer than its upstream is given.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.call import Answer, Call, Transport


class Deadline:
    """Refuses calls past their deadline; process lifetime.

    The policies inside wait no longer than the deadline themselves, so no timer is set for each call.
    """

    def __init__(self, inner: Transport, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock

    def send(self, call: Call) -> Awaitable[Answer]:
        """Pass the call on while there is time.

        Raises:
            UpstreamTimeout: the operation's time is up.
        """
        if self._clock() >= call.deadline:
            message = f"The operation's time was up before {call.upstream.name} could be asked for {call.operation}."
            raise UpstreamTimeout(call.upstream, message)
        return self._inner.send(call)


SHORTEST_TRY: Final = 0.001
"""Seconds; a call whose time is up all the same ends as one that took too long."""


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
