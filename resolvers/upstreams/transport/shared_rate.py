"""Where the states of limits are kept: in this process, or anywhere that can replace one in a single step."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from resolvers.upstreams.transport.rate_state import Change, RateState, RateStatus

RateChange = Callable[[RateState, float], Change]
"""From a state and the keeper's time to the state that replaces it, and how things stand then."""

MOST_STATES: Final = 10_000
UNKNOWN: Final = RateState()


class SharedRate(Protocol):
    """Keeps the state of each limit for all who share it; process lifetime."""

    look_again_seconds: float | None
    """How soon another process's change may go unnoticed while nothing is restricted; None where there is no other."""

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state in one step.

        Args:
            key: Names the limit: address and identity.
            change: Called at least once, with nothing else happening to the state meanwhile.
        """
        ...


class LocalRate:
    """Keeps the states in this process; lives as long as it, bounded.

    Args:
        clock: Seconds, never going back.
    """

    look_again_seconds: float | None = None

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._states: OrderedDict[str, RateState] = OrderedDict()

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state; nothing runs in between."""
        state, rate_status = change(self._states.get(key, UNKNOWN), self._clock())
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > MOST_STATES:
            self._states.popitem(last=False)
        return rate_status
