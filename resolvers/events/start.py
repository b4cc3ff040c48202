"""What the start of a subscription costs."""

from collections.abc import Awaitable, Callable, Iterable

from resolvers.upstreams.call import CallTrace


class Start:
    """The start of a subscription, until all that it follows was looked at once; subscription lifetime.

    Args:
        settle: Charges the subscriber for the calls of the start; called once.

    Attributes:
        traces: The calls so far: of the reads that it was the first to ask for, and of its events.
        over: Whether it is over; what is called from then on is nobody's.
    """

    def __init__(self, settle: Callable[[Iterable[CallTrace]], Awaitable[object]]) -> None:
        self._settle = settle
        self.traces: list[CallTrace] = []
        self.over = False

    async def end(self) -> None:
        """Take note that it is over."""
        if not self.over:
            self.over = True
            await self._settle(self.traces)
