"""The lifecycle of a simulated logistics task: its statuses, and the plan of its status changes.

Theory of operation: when a task is broadcast, all its later status changes are planned as events with times. Nothing
moves a task afterwards: its status at any time is that of the last event up to that time. The task id and the seed
decide the outcome and the durations, so the same task always takes the same journey. The transitions are those of the
document's status table; durations, the share of failures and the words in `action` are assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gateway.sandbox.generated_records import seeded_random


class Status(StrEnum):
    """The statuses of a task, as spelled in the vendor's document."""

    DRAFT = "draft"
    PENDING_BROADCAST = "pending_broadcast"
    BROADCASTING = "broadcasting"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    ACCEPTED = "accepted"
    PENDING_PICKUP = "pending_pickup"
    PICKUP_ARRIVING = "pickup_arriving"
    UNSUCCESSFUL_PICKUP = "unsuccessful_pickup"
    PENDING_DELIVERY = "pending_delivery"
    DELIVERY_ARRIVING = "delivery_arriving"
    UNSUCCESSFUL_DELIVERY = "unsuccessful_delivery"
    COMPLETE = "complete"


# Wider than the text of Cancel Task, which names broadcasting only.
CANCELLABLE: Final = frozenset({Status.PENDING_BROADCAST, Status.BROADCASTING})
"""Statuses in which a task can be cancelled (document: Order Statuses)."""

BEFORE_ACCEPTANCE: Final = frozenset(
    {Status.DRAFT, Status.PENDING_BROADCAST, Status.BROADCASTING, Status.CANCELLED, Status.EXPIRED}
)
"""Statuses of a task that no driver has accepted."""

SQUAD_MARGIN: Final = timedelta(minutes=30)
"""A squad task expires this long before the end of its pickup window (document: Order Statuses)."""

MAX_BROADCAST: Final = timedelta(hours=24)
"""The "max broadcast time" of a standard task; the document gives no value."""

# The document's diagram is an image; its table names no way on from the unsuccessful ones.
_ROUTES: Final[Mapping[Status, tuple[Status, ...]]] = {
    Status.COMPLETE: (
        Status.ACCEPTED,
        Status.PENDING_PICKUP,
        Status.PICKUP_ARRIVING,
        Status.PENDING_DELIVERY,
        Status.DELIVERY_ARRIVING,
        Status.COMPLETE,
    ),
    Status.UNSUCCESSFUL_DELIVERY: (
        Status.ACCEPTED,
        Status.PENDING_PICKUP,
        Status.PICKUP_ARRIVING,
        Status.PENDING_DELIVERY,
        Status.DELIVERY_ARRIVING,
        Status.UNSUCCESSFUL_DELIVERY,
    ),
    Status.UNSUCCESSFUL_PICKUP: (
        Status.ACCEPTED,
        Status.PENDING_PICKUP,
        Status.PICKUP_ARRIVING,
        Status.UNSUCCESSFUL_PICKUP,
    ),
    Status.EXPIRED: (),
}

_SECONDS_IN: Final[Mapping[Status, int]] = {
    Status.PENDING_BROADCAST: 120,
    Status.BROADCASTING: 240,
    Status.ACCEPTED: 120,
    Status.PENDING_PICKUP: 900,
    Status.PICKUP_ARRIVING: 300,
    Status.PENDING_DELIVERY: 1200,
    Status.DELIVERY_ARRIVING: 300,
}

_ACTIONS: Final[Mapping[Status, str]] = {
    Status.DRAFT: "merchant_created",
    Status.PENDING_BROADCAST: "merchant_created",
    Status.BROADCASTING: "system_broadcast",
    Status.CANCELLED: "merchant_cancelled",
    Status.EXPIRED: "system_expired",
    Status.ACCEPTED: "driver_accepted",
    Status.PENDING_PICKUP: "driver_departed",
    Status.PICKUP_ARRIVING: "driver_arriving",
    Status.UNSUCCESSFUL_PICKUP: "driver_failed_pickup",
    Status.PENDING_DELIVERY: "driver_picked_up",
    Status.DELIVERY_ARRIVING: "driver_arriving",
    Status.UNSUCCESSFUL_DELIVERY: "driver_failed_delivery",
    Status.COMPLETE: "driver_completed",
}

_REASONS: Final[Mapping[Status, tuple[str, ...]]] = {
    Status.UNSUCCESSFUL_PICKUP: (
        "Goods not ready",
        "Sender not at the pickup location",
        "Goods too large for the vehicle",
    ),
    Status.UNSUCCESSFUL_DELIVERY: ("Vessel has left the berth", "Nobody to hand over to", "Refused by the receiver"),
    Status.EXPIRED: ("No driver accepted in time",),
}


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """One change of status; task lifetime. `happened_at` is in UTC."""

    status: Status
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

    def outcome(self, task_id: str) -> Status:
        """Return the final status of a task that is accepted in time."""
        chance = seeded_random(self.seed, task_id, "outcome")
        if chance.random() >= self.failing_share:
            return Status.COMPLETE
        return chance.choice((Status.UNSUCCESSFUL_PICKUP, Status.UNSUCCESSFUL_DELIVERY, Status.EXPIRED))

    def stay(self, task_id: str, status: Status) -> timedelta:
        """Return how long a task stays in a status that is not final, in whole seconds."""
        jitter = seeded_random(self.seed, task_id, status).uniform(0.5, 1.5)
        # Whole seconds, because the API's times have no fractions.
        return timedelta(seconds=max(2, round(_SECONDS_IN[status] * self.pace * jitter)))

    def plan(
        self, task_id: str, broadcast_at: datetime, expires_at: datetime | None, outcome: Status
    ) -> tuple[StatusEvent, ...]:
        """Return all status changes after a task is broadcast, oldest first.

        Args:
            task_id: The task; its random values are derived from the id.
            broadcast_at: When its broadcasting begins.
            expires_at: When it expires unless accepted; None for never.
            outcome: Its final status if it is accepted in time.
        """
        route = _ROUTES[outcome]
        accepted_at = broadcast_at + self.stay(task_id, Status.BROADCASTING)
        if not route or (expires_at is not None and accepted_at >= expires_at):
            return self._expiry(task_id, broadcast_at, expires_at)
        events, happens_at, previous = [], broadcast_at, Status.BROADCASTING
        for status in route:
            happens_at += self.stay(task_id, previous)
            events.append(StatusEvent(status, happens_at, self._reason(task_id, status)))
            previous = status
        return tuple(events)

    def _expiry(self, task_id: str, broadcast_at: datetime, expires_at: datetime | None) -> tuple[StatusEvent, ...]:
        # A marine task that nobody accepts is offered on and on.
        if expires_at is None:
            return ()
        # A draft may be broadcast after that time, and events never go back in time.
        happens_at = max(expires_at, broadcast_at + timedelta(seconds=1))
        return (StatusEvent(Status.EXPIRED, happens_at, self._reason(task_id, Status.EXPIRED)),)

    def _reason(self, task_id: str, status: Status) -> str | None:
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
    # "No expired for now" (document).
    if preference == "marine":
        return None
    if preference == "squad":
        return pickup_end - SQUAD_MARGIN
    return min(pickup_end, broadcast_at + MAX_BROADCAST)
