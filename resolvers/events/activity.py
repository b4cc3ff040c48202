"""What one process does for subscriptions, for metrics and the status page."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from resolvers.histogram import Histogram


class EventCounts(msgspec.Struct, frozen=True):
    """What one process does for subscriptions; a value.

    Args:
        followed: Records that its subscriptions follow.
        polled: Records that it polls, for subscriptions of any process.
        leases: Accounts whose polling lease it holds.
    """

    followed: int
    polled: int
    leases: int


class EventsActivity(NamedTuple):
    """What this process follows, polls and has queued, for metrics. Lifetime: one scrape.

    Args:
        followed: Number of records that subscriptions follow here.
        polled: Number of records that this process polls.
        queues: The lengths of the queues: of webhooks' hints to be published, of those to be checked, and of changes
            that subscriptions have not sent.
        dropped: Number of hints dropped so far because their queue was full.
        poll_lag: How late polls began, in seconds.
    """

    followed: int
    polled: int
    queues: Mapping[str, int]
    dropped: int
    poll_lag: Histogram
