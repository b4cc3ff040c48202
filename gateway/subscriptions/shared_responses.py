"""Responses that several subscribers get alike: an event is executed once for all who ask the same about it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final

import msgspec

from gateway.subscriptions.response import Response

MAX_SECONDS: Final = 1.0
"""Beyond that, what a response says besides the event itself is looked up anew for those who come late."""

MAX_RESPONSES: Final = 1_000


class _Shared(msgspec.Struct, frozen=True):
    """A response, and what it is the response to."""

    until: float
    event: Any
    response: Response


class SharedResponses:
    """The latest responses; lives as long as its process, bounded.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Shared] = OrderedDict()

    def find(self, asked: Hashable, event: Any) -> Response | None:  # noqa: ANN401 - whatever a source gives
        """The response to an equal event for somebody who asks the same.

        Args:
            asked: All that decides a response besides the event: document, variables, rights.
            event: From the source.
        """
        shared = self._kept.get((asked, _place_of(event)))
        if shared is None or shared.until < self._clock() or shared.event != event:
            return None
        return shared.response

    def keep(self, asked: Hashable, event: Any, response: Response) -> None:  # noqa: ANN401 - see above
        """Keep a response without errors, where the event has a place by which it is found again."""
        place = _place_of(event)
        if place is None:
            return
        self._kept[asked, place] = _Shared(self._clock() + MAX_SECONDS, event, response)
        self._kept.move_to_end((asked, place))
        if len(self._kept) > MAX_RESPONSES:
            self._kept.popitem(last=False)


def _place_of(event: Any) -> str | None:  # noqa: ANN401 - see above
    cursor: str | None = getattr(event, "cursor", None)
    return cursor
