"""Where subscriptions get what they tell."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from resolvers.events.broker import Broker
from resolvers.events.cursors import Cursors
from resolvers.events.log import EventLog
from resolvers.events.reader import Reader


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a subscription gets what it tells; process lifetime.

    Args:
        log: Replays.
        broker: Offers changes.
        reader: Reads SNAPSHOTs.
        cursors: Seals and opens cursors.
        now: The wall clock.
        sleep: Waits before a read that failed is tried again.
        queue_size: How many changes may wait for one subscriber.
    """

    log: EventLog
    broker: Broker
    reader: Reader
    cursors: Cursors
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    queue_size: int
