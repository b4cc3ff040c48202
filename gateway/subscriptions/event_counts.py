"""Counts subscriptions and the events that their clients were sent."""

import time
from collections.abc import Callable
from typing import Final, TypeAlias

from resolvers.events.board_subscription import BoardEvent
from resolvers.events.boards import BoardEventKind
from resolvers.events.interface import StatusEvent, StatusEventKind, StatusEventSource
from resolvers.histogram import Histogram

DELAYS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of delays in seconds."""

Sent: TypeAlias = tuple[StatusEventKind | BoardEventKind, StatusEventSource | None]
"""The kind of an event, and what a CHANGE was learnt by."""


class EventCounts:
    """Counts subscriptions and their events. Lifetime: process.

    Args:
        now: The wall clock, in seconds since 1970.

    Attributes:
        open: Number of subscriptions that run.
        sent: Number of events sent.
        delays: By what a change was learnt by, the seconds from then until its event was handed to the transport.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.open = 0
        self.sent: dict[Sent, int] = {
            **{(kind, None): 0 for kind in StatusEventKind if kind is not StatusEventKind.CHANGE},
            **{(StatusEventKind.CHANGE, source): 0 for source in StatusEventSource},
        }
        self.delays = {source: Histogram(DELAYS) for source in StatusEventSource}

    def add(self, event: object) -> None:
        """Count an event that was sent; those of sources that are not ours are left out."""
        if not isinstance(event, StatusEvent | BoardEvent):
            return
        # The kinds that both have are counted together, because metrics name them alike.
        kind = StatusEventKind.__members__.get(event.kind.name, event.kind)
        sent, source = (kind, event.source), event.source
        self.sent[sent] = self.sent.get(sent, 0) + 1
        if source is not None and event.noticed_at:
            # Another process may have noticed it, whose clock goes ahead.
            self.delays[source].add(max(0.0, self._now() - event.noticed_at))
