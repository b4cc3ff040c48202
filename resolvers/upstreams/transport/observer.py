"""The hook for metrics: told of each call once, when it is over."""

from typing import Protocol

from resolvers.upstreams.call import Call

CANCELLED = "CANCELLED"
"""The outcome of a call whose caller gave up."""


class CallObserver(Protocol):
    """Is told how each call ended; process lifetime."""

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        """Take note of a call that is over; must neither raise nor wait.

        Args:
            call: With `tries` as they were.
            outcome: The answer's status, an error's code, or CANCELLED.
            seconds: What it took in all: waits, tries and pauses between them.
        """
        ...
