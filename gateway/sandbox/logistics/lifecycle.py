"""The lifecycle of a simulated logistics task: the plan of its status changes.

Theory of operation: when a task is broadcast, all its later status changes are planned as events with times. Nothing
moves a task afterwards: its status at any time is that of the last event up to that time. The task id and the seed
decide the outcome and the durations, so the same task always takes the same journey. The transitions are those of the
document's status table; durations, the share of failures and the words in `action` are assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.sandbox.logistics import vocabulary as words
from gateway.sandbox.random_values import seeded_random

SQUAD_MARGIN: Final = timedelta(minutes=30)
"""A squad task expires this long before the end of its pickup window (document: Order Statuses)."""

MAX_BROADCAST: Final = timedelta(hours=24)
"""The "max broadcast time" of a standard task; the document gives no value."""

_ROUTES: Final[Mapping[str, tuple[str, ...]]] = {
    words.COMPLETE: (
        words.ACCEPTED,
        words.PENDING_PICKUP,
        words.PICKUP_ARRIVING,
        words.PENDING_DELIVERY,
        words.DELIVERY_ARRIVING,
        words.COMPLETE,
    ),
    words.UNSUCCESSFUL_DELIVERY: (
        words.ACCEPTED,
        words.PENDING_PICKUP,
        words.PICKUP_ARRIVING,
        words.PENDING_DELIVERY,
        words.DELIVERY_ARRIVING,
        words.UNSUCCESSFUL_DELIVERY,
    ),
    words.UNSUCCESSFUL_PICKUP: (
        words.ACCEPTED,
        words.PENDING_PICKUP,
        words.PICKUP_ARRIVING,
        words.UNSUCCESSFUL_PICKUP,
    ),
    words.EXPIRED: (),
}

_SECONDS_IN: Final[Mapping[str, int]] = {
    words.PENDING_BROADCAST: 120,
    words.BROADCASTING: 240,
    words.ACCEPTED: 120,
    words.PENDING_PICKUP: 900,
    words.PICKUP_ARRIVING: 300,
    words.PENDING_DELIVERY: 1200,
    words.DELIVERY_ARRIVING: 300,
}

_ACTIONS: Final[Mapping[str, str]] = {
    words.DRAFT: "merchant_created",
    words.PENDING_BROADCAST: "merchant_created",
    words.BROADCASTING: "system_broadcast",
    words.CANCELLED: "merchant_cancelled",
    words.EXPIRED: "system_expired",
    words.ACCEPTED: "driver_accepted",
    words.PENDING_PICKUP: "driver_departed",
    words.PICKUP_ARRIVING: "driver_arriving",
    words.UNSUCCESSFUL_PICKUP: "driver_failed_pickup",
    words.PENDING_DELIVERY: "driver_picked_up",
    words.DELIVERY_ARRIVING: "driver_arriving",
    words.UNSUCCESSFUL_DELIVERY: "driver_failed_delivery",
    words.COMPLETE: "driver_completed",
}

_REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    words.UNSUCCESSFUL_PICKUP: (
        "Goods not ready",
        "Sender not at the pickup location",
        "Goods too large for the vehicle",
    ),
    words.UNSUCCESSFUL_DELIVERY: ("Vessel has left the berth", "Nobody to hand over to", "Refused by the receiver"),
    words.EXPIRED: ("No driver accepted in time",),
}


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """One change of status; task lifetime. `happened_at` is in UTC."""

    status: str
    happened_at: datetime
    reason: str | None = None

    @property
    def action(self) -> str:
        """The action that led to the status."""
        return _ACTIONS[self.status]


@dataclass(frozen=True, slots=True)
class Journeys:
    """Plans the status changes of tasks; simulator lifetime.

    Args:
        seed: The same seed, task and time always give the same journey.
        pace: Factor on the time spent in each status; 0.1 is ten times as fast.
        failing_share: Share of tasks, 0 to 1, that end in another status than complete.
    """

    seed: int
    pace: float = 1.0
    failing_share: float = 0.15

    def outcome(self, task_id: str) -> str:
        """Return the final status of a task that is accepted in time."""
        chance = seeded_random(self.seed, task_id, "outcome")
        if chance.random() >= self.failing_share:
            return words.COMPLETE
        return chance.choice((words.UNSUCCESSFUL_PICKUP, words.UNSUCCESSFUL_DELIVERY, words.EXPIRED))

    def stay(self, task_id: str, status: str) -> timedelta:
        """Return how long a task stays in a status that is not final, in whole seconds."""
        jitter = seeded_random(self.seed, task_id, status).uniform(0.5, 1.5)
        return timedelta(seconds=max(2, round(_SECONDS_IN[status] * self.pace * jitter)))

    def plan(
        self, task_id: str, broadcast_at: datetime, expires_at: datetime | None, outcome: str
    ) -> tuple[StatusEvent, ...]:
        """Return all status changes after a task is broadcast, oldest first.

        Args:
            task_id: The task; its random values are derived from the id.
            broadcast_at: When its broadcasting begins.
            expires_at: When it expires unless accepted; None for never.
            outcome: Its final status if it is accepted in time.
        """
        route = _ROUTES[outcome]
        accepted_at = broadcast_at + self.stay(task_id, words.BROADCASTING)
        if not route or (expires_at is not None and accepted_at >= expires_at):
            return self._expiry(task_id, broadcast_at, expires_at)
        events, happens_at, previous = [], broadcast_at, words.BROADCASTING
        for status in route:
            happens_at += self.stay(task_id, previous)
            events.append(StatusEvent(status, happens_at, self._reason(task_id, status)))
            previous = status
        return tuple(events)

    def _expiry(self, task_id: str, broadcast_at: datetime, expires_at: datetime | None) -> tuple[StatusEvent, ...]:
        if expires_at is None:
            return ()
        happens_at = max(expires_at, broadcast_at + timedelta(seconds=1))
        return (StatusEvent(words.EXPIRED, happens_at, self._reason(task_id, words.EXPIRED)),)

    def _reason(self, task_id: str, status: str) -> str | None:
        reasons = _REASONS.get(status)
        return seeded_random(self.seed, task_id, "reason").choice(reasons) if reasons else None


def expiry(preference: str, pickup_end: datetime, broadcast_at: datetime) -> datetime | None:
    """Return when a task expires that nobody accepts (document: Order Statuses, expired).

    Args:
        preference: `broadcast_preference`; `all` is treated as the document's "standard".
        pickup_end: The end of the pickup window.
        broadcast_at: When broadcasting began.

    Returns:
        The time, or None for a marine task, which never expires.
    """
    if preference == "marine":
        return None
    if preference == "squad":
        return pickup_end - SQUAD_MARGIN
    return min(pickup_end, broadcast_at + MAX_BROADCAST)
