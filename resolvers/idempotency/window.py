"""When a record can have been made by a request of unknown outcome."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

SKEW: Final = timedelta(seconds=60)
"""How far the clocks of an upstream and of the gateway may differ."""


class Window(NamedTuple):
    """The time in which a record of the request was made, by the upstream's clock; a value.

    Attributes:
        start: Its begin.
        end: Its end.
    """

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Return whether a record that was made at this moment can be that of the request."""
        return self.start <= moment <= self.end


def window_of(sent_at: float, settle_seconds: float) -> Window:
    """Return the window of a request.

    Args:
        sent_at: When it was about to be sent, in seconds since 1970.
        settle_seconds: How long after that it can have made its record, in seconds.
    """
    sent = datetime.fromtimestamp(sent_at, UTC)
    return Window(sent - SKEW, sent + timedelta(seconds=settle_seconds) + SKEW)
