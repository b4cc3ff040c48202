"""A simulated logistics task as the API answers it: every key of the document's sample, and `version_rev`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.sandbox.logistics import vocabulary as words
from gateway.sandbox.logistics.geography import address_distance
from gateway.sandbox.logistics.lifecycle import StatusEvent
from gateway.sandbox.logistics.tasks import Fields, Task
from gateway.sandbox.random_values import seeded_uuid

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
_ENGINES = ({"type": "ev", "grams_per_km": 60}, {"type": "diesel", "grams_per_km": 210})

_DEFAULTS: Mapping[str, Any] = {
    "tracking_id": "",
    "group_tag": "",
    "invoice_number": "",
    "pickup_note_to_driver": "",
    "delivery_note_to_driver": "",
    "is_urgent": False,
    "price": 0,
    "currency": "",
    "items": [],
    "cargo_net_quantity": 0,
    "client_time_utc": None,
    "client_timezone": "Asia/Singapore",
    "attachments": [],
    "vehicle_preference": None,
    "epod": None,
}


def wire_time(moment: datetime) -> str:
    """A moment as the API writes it, such as "2019-08-24T14:15:22Z"."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def task_document(task: Task, now: datetime) -> Fields:
    """A task as it looks at `now`, without the `server_time` that a detail answer adds."""
    events = task.so_far(now)
    accepted = events[-1].status not in words.BEFORE_ACCEPTANCE
    distance = address_distance(task.fields["from_address"], task.fields["to_address"])
    engine = _pick(_ENGINES, task)
    values = {
        **task.fields,
        "id": task.id,
        "task_creation_group": task.group,
        "distance_in_meters": distance,
        "org_transporter": _pick(_TRANSPORTERS, task) if accepted else None,
        "driver": _pick(_DRIVERS, task) if accepted else None,
        "current_status": events[-1].status,
        "statuses": [_status_document(event) for event in events],
        "platform_id": PLATFORM_ID,
        "vehicle_emissions_type": engine["type"],
        "vehicle_emissions": {"value": distance * engine["grams_per_km"] // 1000, "unit": "gCO2e"},
        "client": {},
        "updated_at": wire_time(task.updated_at(now)),
        "epod": task.fields.get("epod") or _proof_of_delivery(task, events[-1]),
        "version_rev": task.version_rev(now),
    }
    return {name: values.get(name, _DEFAULTS.get(name)) for name in words.TASK_FIELDS}


def updated_task_document(task: Task, now: datetime) -> Fields:
    """An element of `updated_tasks`; its fields are assumed."""
    return {
        "id": task.id,
        "current_status": task.status(now),
        "tracking_id": task.fields.get("tracking_id", ""),
    }


def _status_document(event: StatusEvent) -> Fields:
    happened_at = wire_time(event.happened_at)
    return {
        "status": event.status,
        "action": event.action,
        "reason": event.reason,
        "happened_at_utc": happened_at,
        "saved_at_utc": happened_at,
    }


def _pick(choices: Sequence[Fields], task: Task) -> Fields:
    return choices[int(task.id[:8], 16) % len(choices)]


def _proof_of_delivery(task: Task, last: StatusEvent) -> Fields | None:
    if last.status != words.COMPLETE:
        return None
    return {
        "recipient_name": task.fields["to_contact"].get("name"),
        "signed_at_utc": wire_time(last.happened_at),
        "signature_url": f"https://files.example.com/epod/{task.id}/signature.png",
        "photo_urls": [f"https://files.example.com/epod/{task.id}/1.jpg"],
    }
