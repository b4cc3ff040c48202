"""The simulated logistics tasks: their records, the operations on them, and their JSON in responses.

A task holds its status events, past and planned. Its status, revision and JSON at any time are pure functions of the
task and that time; an operation replaces the planned events (see `lifecycle`).
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from gateway.sandbox.generated_records import seeded_uuid
from gateway.sandbox.logistics.lifecycle import (
    BEFORE_ACCEPTANCE,
    CANCELLABLE,
    Journeys,
    Status,
    StatusEvent,
    expiry,
)
from gateway.sandbox.logistics.price import address_distance
from gateway.sandbox.logistics.requests import invalid_status, not_found

Fields = dict[str, Any]

PLATFORM_ID = seeded_uuid("platform")
_DRIVERS = tuple(
    {"id": seeded_uuid("driver", name), "name": name}
    for name in (
        "Ahmad Rahman",
        "Chen Wei",
        "Daniel Goh",
        "Farid Osman",
        "Kumar Selvam",
        "Lim Boon Kiat",
        "Siti Aminah",
    )
)
_TRANSPORTERS = tuple(
    {"id": seeded_uuid("transporter", name), "business_name": name}
    for name in ("Straits Haulage", "Eastern Lighterage", "Jurong Freight")
)
# The document's sample has ev; another is assumed.
_ENGINES = ({"type": "ev", "grams_per_km": 60}, {"type": "diesel", "grams_per_km": 210})
_DOCUMENT: Mapping[str, Any] = {
    "id": None,
    "tracking_id": "",
    "group_tag": "",
    "invoice_number": "",
    "from_address": None,
    "from_time_window": None,
    "from_contact": None,
    "to_address": None,
    "to_time_window": None,
    "to_contact": None,
    "distance_in_meters": None,
    "pickup_note_to_driver": "",
    "delivery_note_to_driver": "",
    "is_urgent": False,
    "price": 0,
    "currency": "",
    "items": [],
    "cargo_net_quantity": 0,
    "task_creation_group": None,
    "broadcast_preference": None,
    "client_time_utc": None,
    "client_timezone": "Asia/Singapore",
    "attachments": [],
    "org_transporter": None,
    "driver": None,
    "current_status": None,
    "statuses": None,
    "org_id": None,
    "platform_id": None,
    "vehicle_preference": None,
    "vehicle_emissions_type": None,
    "vehicle_emissions": None,
    "client": None,
    "updated_at": None,
    "epod": None,
    "version_rev": None,
}
"""The keys of a task with the values of those not sent.

No sample has `version_rev`, but an update must send it, so it is assumed to be one of the keys.
"""


@dataclass(slots=True)
class Task:
    """One task; simulator lifetime.

    Attributes:
        id: A UUID.
        group: A UUID shared by the tasks of one create call.
        fields: The merchant's fields, with the names and formats of the API.
        events: The changes of status, oldest first. Those after the current time are planned and not shown yet.
        edits: When the fields were changed.
    """

    id: str
    group: str
    fields: Fields
    events: tuple[StatusEvent, ...]
    edits: list[datetime] = field(default_factory=list)

    def so_far(self, now: datetime) -> tuple[StatusEvent, ...]:
        """Return the changes of status up to `now`, oldest first; never empty."""
        return self.events[:1] + tuple(takewhile(lambda event: event.happened_at <= now, self.events[1:]))

    def status(self, now: datetime) -> Status:
        """Return the status at `now`."""
        return self.so_far(now)[-1].status

    def updated_at(self, now: datetime) -> datetime:
        """Return the time of the last change, of the fields or the status."""
        return max([self.so_far(now)[-1].happened_at, *self.edits])

    def version_rev(self, now: datetime) -> str:
        """Return the revision at `now`: the number of changes so far, a dash and eight hexadecimal digits."""
        # What gives a task another revision is undocumented; every change is assumed to.
        number = len(self.so_far(now)) - 1 + len(self.edits)
        return f"{number}-{zlib.crc32(f'{self.id}/{number}'.encode()):08x}"

    def append(self, now: datetime, *events: StatusEvent) -> None:
        """Replace the events planned after `now` by `events`."""
        self.events = (*self.so_far(now), *events)


class TaskStore:
    """All tasks in the order of their creation; simulator lifetime.

    Args:
        seed: Decides the ids of new tasks.
        journeys: Plans the events of broadcast tasks.
    """

    def __init__(self, seed: int, journeys: Journeys) -> None:
        self._seed = seed
        self._journeys = journeys
        self._tasks: dict[str, Task] = {}
        self._groups = 0
        self._created = 0

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """Add an existing task.

        Args:
            task: The task; its id must be new.
        """
        self._tasks[task.id] = task

    def remove(self, task_id: str) -> None:
        """Remove a task."""
        del self._tasks[task_id]

    def create(self, drafts: list[Fields], now: datetime, *, broadcast: bool) -> list[Task]:
        """Create the tasks of one create call.

        Args:
            drafts: The checked fields of each task.
            now: The time of creation.
            broadcast: Whether to broadcast them; otherwise they stay drafts.

        Returns:
            The tasks, in the order of `drafts`.
        """
        self._groups += 1
        group = seeded_uuid(self._seed, "group", self._groups)
        return [self._create(fields, group, now, broadcast=broadcast) for fields in drafts]

    def _create(self, fields: Fields, group: str, now: datetime, *, broadcast: bool) -> Task:
        task_id = seeded_uuid(self._seed, "task", self._created)
        self._created += 1
        task = Task(task_id, group, fields, (StatusEvent(Status.DRAFT, now),))
        if broadcast:
            task.events = self._broadcast_events(task, now)
        self.add(task)
        return task

    def find(self, task_id: str) -> Task:
        """Return the task with this id.

        Raises:
            Refused: 404 if there is none.
        """
        task = self._tasks.get(task_id)
        if task is None:
            raise not_found("task", task_id)
        return task

    def get(self, task_id: str) -> Task | None:
        """Return the task with this id, or None."""
        return self._tasks.get(task_id)

    def page(self, page: int, per_page: int, *, descending: bool) -> list[Task]:
        """Return one page of the tasks by time of creation.

        Args:
            page: The page number, from 1.
            per_page: Tasks on a page.
            descending: Whether the newest task comes first.
        """
        ordered = reversed(self._tasks.values()) if descending else iter(self._tasks.values())
        first = (page - 1) * per_page
        return list(islice(ordered, first, first + per_page))

    def broadcast(self, task_id: str, now: datetime) -> Task | None:
        """Broadcast a draft.

        Returns:
            The task, or None if there is no such task or it is no draft.
        """
        task = self._tasks.get(task_id)
        if task is None or task.status(now) != Status.DRAFT:
            return None
        task.append(now, *self._broadcast_events(task, now))
        return task

    def cancel(self, task: Task, reason: str, now: datetime) -> None:
        """Cancel a task that no driver has accepted.

        Raises:
            Refused: 422 `invalid_status` if the status does not allow it.
        """
        status = task.status(now)
        if status not in CANCELLABLE:
            raise invalid_status(
                f"Task {task.id} is {status}; only a task that is still broadcasting can be cancelled."
            )
        task.append(now, StatusEvent(Status.CANCELLED, now, reason))

    def edit(self, task: Task, changes: Mapping[str, Any], now: datetime) -> None:
        """Change fields of a task.

        Args:
            task: The task.
            changes: The checked fields to replace.
            now: The time of the change.
        """
        task.fields = {**task.fields, **changes}
        task.edits.append(now)

    def _broadcast_events(self, task: Task, broadcast_at: datetime) -> tuple[StatusEvent, ...]:
        pickup_end = datetime.fromisoformat(task.fields["from_time_window"]["end_time_utc"])
        expires_at = expiry(task.fields["broadcast_preference"], pickup_end, broadcast_at)
        outcome = self._journeys.outcome(task.id)
        planned = self._journeys.plan(task.id, broadcast_at, expires_at, outcome)
        return (StatusEvent(Status.BROADCASTING, broadcast_at), *planned)


def wire_time(moment: datetime) -> str:
    """Format a time as the API does, such as "2019-08-24T14:15:22Z"."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def task_document(task: Task, now: datetime) -> Fields:
    """Return the JSON of a task at `now`: every key of the document's sample, and `version_rev`."""
    events = task.so_far(now)
    accepted = events[-1].status not in BEFORE_ACCEPTANCE
    distance = address_distance(task.fields["from_address"], task.fields["to_address"])
    engine = _pick(_ENGINES, task)
    values = {
        **task.fields,
        "id": task.id,
        "task_creation_group": task.group,
        "distance_in_meters": distance,
        # Null before, as on the vendor's public pages.
        "org_transporter": _pick(_TRANSPORTERS, task) if accepted else None,
        "driver": _pick(_DRIVERS, task) if accepted else None,
        "current_status": events[-1].status,
        "statuses": [_status_document(event) for event in events],
        "platform_id": PLATFORM_ID,
        "vehicle_emissions_type": engine["type"],
        # The vendor's sample shows nothing of its inside; value and unit are assumed.
        "vehicle_emissions": {"value": distance * engine["grams_per_km"] // 1000, "unit": "gCO2e"},
        # Empty in the sample, too.
        "client": {},
        "updated_at": wire_time(task.updated_at(now)),
        # What an update has set wins over the made-up one.
        "epod": task.fields.get("epod") or _proof_of_delivery(task, events[-1]),
        "version_rev": task.version_rev(now),
    }
    return {name: values.get(name, default) for name, default in _DOCUMENT.items()}


def updated_task_document(task: Task, now: datetime) -> Fields:
    """Return an element of `updated_tasks`; its fields are assumed."""
    return {
        "id": task.id,
        "current_status": task.status(now),
        "tracking_id": task.fields.get("tracking_id", ""),
    }


def _status_document(event: StatusEvent) -> Fields:
    happened_at = wire_time(event.happened_at)
    return {
        # The fields are assumed after the vendor's public records of broadcasts.
        "status": event.status,
        "action": event.action,
        "reason": event.reason,
        "happened_at_utc": happened_at,
        "saved_at_utc": happened_at,
    }


def _pick(choices: Sequence[Fields], task: Task) -> Fields:
    # By the id, so that a task keeps its driver.
    return choices[int(task.id[:8], 16) % len(choices)]


def _proof_of_delivery(task: Task, last: StatusEvent) -> Fields | None:
    if last.status != Status.COMPLETE:
        return None
    return {
        # Assumed: the document shows nothing of it.
        "recipient_name": task.fields["to_contact"].get("name"),
        "signed_at_utc": wire_time(last.happened_at),
        "signature_url": f"https://files.example.com/epod/{task.id}/signature.png",
        "photo_urls": [f"https://files.example.com/epod/{task.id}/1.jpg"],
    }
