"""Logistics tasks that the sandbox starts with and that arrive while it runs; the same for the same seed and start.

It starts with 120 tasks over all statuses. Those in a status that is not final are placed in the middle of their
journeys: the age of a task is chosen so that its planned events put it into the wanted status at the start.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.sandbox.generated_records import Arrival, Arrivals, Rhythm, seeded_random, seeded_uuid
from gateway.sandbox.logistics.lifecycle import Journeys, Status, StatusEvent, expiry
from gateway.sandbox.logistics.task_bodies import ADDRESS_FIELDS, CONTACT_FIELDS, VEHICLES
from gateway.sandbox.logistics.tasks import Fields, Task, TaskStore, wire_time

TASKS_IN: Final[Mapping[Status, int]] = {
    Status.DRAFT: 10,
    Status.PENDING_BROADCAST: 6,
    Status.BROADCASTING: 12,
    Status.ACCEPTED: 8,
    Status.PENDING_PICKUP: 10,
    Status.PICKUP_ARRIVING: 6,
    Status.PENDING_DELIVERY: 10,
    Status.DELIVERY_ARRIVING: 6,
    Status.COMPLETE: 28,
    Status.CANCELLED: 8,
    Status.EXPIRED: 6,
    Status.UNSUCCESSFUL_PICKUP: 5,
    Status.UNSUCCESSFUL_DELIVERY: 5,
}
"""The number of seeded tasks in each status."""

RHYTHM: Final = Rhythm(every_seconds=600, ahead=8, kept=144)
"""Tasks of the last 24 hours of the clock are kept."""
_FIRST_NUMBER: Final = 1_000
_PICKUP_IN: Final = timedelta(hours=6)


_PLACES: Final = (
    ("8 Jurong Port Road", "Jurong Port Main Gate", "619089", 1.3078, 103.7175),
    ("1 Maritime Square", "HarbourFront Centre", "099253", 1.2641, 103.8200),
    ("7 Keppel Road", "Tanjong Pagar Complex", "089053", 1.2713, 103.8402),
    ("31 Marina Coastal Drive", "Marina South Pier", "018988", 1.2707, 103.8634),
    ("52 Pioneer Sector 1", "Tuas Ship Supplies", "628436", 1.3170, 103.6600),
    ("9 Loyang Way", "Loyang Offshore Base", "508722", 1.3790, 103.9750),
    ("23 Penjuru Lane", "Penjuru Lighter Terminal", "609195", 1.3040, 103.7370),
    ("3 Changi South Street 2", "Changi Cargo Hall", "486548", 1.3360, 103.9640),
)
_PEOPLE: Final = ("Ong Mei Ling", "Ravi Pillai", "Tan Ah Kow", "Nurul Huda", "James Pereira", "Wong Siew Lan")
_COMPANIES: Final = ("Lion City Chandlers", "Pacific Marine Stores", "Orient Provisions", "Anchor Spare Parts")
_VESSELS: Final = (("MV Straits Pearl", 9_321_483), ("MT Northern Light", 9_456_771), ("MV Coral Dawn", 9_512_206))
_GOODS: Final = ("Fresh provisions", "Engine spares", "Mooring rope", "Paint drums", "Lubricant", "Safety equipment")
_CANCEL_REASONS: Final = ("Wrong information", "Vessel delayed", "Ordered twice")


_STAYS: Final = frozenset({Status.COMPLETE, Status.UNSUCCESSFUL_PICKUP, Status.UNSUCCESSFUL_DELIVERY, Status.EXPIRED})
_AFTER_PICKUP: Final = frozenset({Status.PENDING_DELIVERY, Status.DELIVERY_ARRIVING})


def seed_tasks(now: datetime, journeys: Journeys, org_ids: Sequence[str]) -> list[Task]:
    """Return the tasks at the start of the sandbox, in the order of their creation.

    Args:
        now: When the simulator starts.
        journeys: Plans their status changes; has the seed.
        org_ids: The organizations that own them.
    """
    start = now.replace(microsecond=0)
    statuses = [status for status, count in TASKS_IN.items() for _ in range(count)]
    tasks = [_seed_task(number, status, start, journeys, org_ids) for number, status in enumerate(statuses)]
    return sorted(tasks, key=lambda task: (task.events[0].happened_at, task.id))


def _seed_task(number: int, status: Status, start: datetime, journeys: Journeys, org_ids: Sequence[str]) -> Task:
    chance = seeded_random(journeys.seed, "seeded", number)
    task_id = seeded_uuid(journeys.seed, "seeded task", number)
    # A marine task never expires (document: Order Statuses).
    preference = chance.choice(("squad", "all") if status == Status.EXPIRED else ("squad", "all", "marine"))
    # A draft is up to 48 hours old, and its pickup must be ahead for it to be broadcast.
    pickup_in = timedelta(hours=chance.randint(72, 144) if status == Status.DRAFT else chance.randint(3, 9))

    def events(created_at: datetime) -> tuple[StatusEvent, ...]:
        # Of the others none expires, whatever the pace: each must reach its status.
        expires_at = expiry(preference, created_at + pickup_in, created_at) if status == Status.EXPIRED else None
        return _seeded_events(task_id, status, created_at, expires_at, journeys)

    created_at = start - _age(chance, status, events(start))
    fields = made_up_fields(chance, number, created_at, created_at + pickup_in)
    fields |= {"broadcast_preference": preference, "org_id": chance.choice(org_ids)}
    return Task(task_id, seeded_uuid(journeys.seed, "seeded group", number // 4), fields, events(created_at))


def _seeded_events(
    task_id: str, status: Status, created_at: datetime, expires_at: datetime | None, journeys: Journeys
) -> tuple[StatusEvent, ...]:
    if status == Status.DRAFT:
        return (StatusEvent(Status.DRAFT, created_at),)
    if status == Status.CANCELLED:
        reason = seeded_random(task_id, "cancelled").choice(_CANCEL_REASONS)
        cancelled_at = created_at + journeys.stay(task_id, Status.BROADCASTING)
        return StatusEvent(Status.BROADCASTING, created_at), StatusEvent(Status.CANCELLED, cancelled_at, reason)
    before: tuple[StatusEvent, ...] = ()
    if status == Status.PENDING_BROADCAST:
        before = (StatusEvent(Status.PENDING_BROADCAST, created_at),)
        created_at += journeys.stay(task_id, Status.PENDING_BROADCAST)
    planned = journeys.plan(task_id, created_at, expires_at, _outcome(task_id, status, journeys))
    return (*before, StatusEvent(Status.BROADCASTING, created_at), *planned)


def _outcome(task_id: str, status: Status, journeys: Journeys) -> Status:
    if status in _STAYS:
        return status
    outcome = journeys.outcome(task_id)
    # With these the task would never come to the wanted status, or never leave it.
    if outcome == Status.EXPIRED or (outcome == Status.UNSUCCESSFUL_PICKUP and status in _AFTER_PICKUP):
        return Status.COMPLETE
    return outcome


def _age(chance: random.Random, status: Status, events: Sequence[StatusEvent]) -> timedelta:
    """Return how long before the start a task was created, so that it is in `status` at the start."""
    at = [event.status for event in events].index(status)
    begins = events[at].happened_at - events[0].happened_at
    if at == len(events) - 1:
        return begins + timedelta(seconds=chance.randint(600, 172_800))
    # Less than the whole stay, so that the task has not left the status at the start.
    stays = events[at + 1].happened_at - events[at].happened_at
    return begins + timedelta(seconds=chance.randrange(int(stays.total_seconds())))


def made_up_fields(chance: random.Random, number: int, created_at: datetime, pickup_end: datetime) -> Fields:
    """Return plausible values for the fields that a merchant sends.

    Args:
        chance: The source of the values.
        number: Part of the merchant's tracking, group and invoice numbers.
        created_at: The client's time.
        pickup_end: The end of the pickup window.
    """
    pickup, delivery = chance.sample(_PLACES, 2)
    return {
        "tracking_id": f"TRACK{number + 1:06d}",
        "group_tag": f"GROUP{number // 4 + 1:04d}",
        "invoice_number": f"INV{number + 1:06d}",
        "from_address": _address(pickup),
        "from_time_window": _window(pickup_end - timedelta(hours=2), pickup_end),
        "from_contact": _contact(chance),
        "to_address": _address(delivery),
        "to_time_window": _window(pickup_end + timedelta(hours=1), pickup_end + timedelta(hours=5)),
        "to_contact": _contact(chance, vessel=chance.choice(_VESSELS)),
        "pickup_note_to_driver": chance.choice(("", "Please pickup at 2pm", "Report to the guard house")),
        "delivery_note_to_driver": chance.choice(("", "Meet at the lobby", "Call the agent on arrival")),
        "is_urgent": chance.random() < 0.2,
        "price": chance.randrange(200_000, 12_000_000, 50_000),
        "currency": "SGD",
        "items": [_item(chance) for _ in range(chance.randint(1, 3))],
        "cargo_net_quantity": chance.randint(1, 12),
        "client_time_utc": wire_time(created_at),
        "client_timezone": "Asia/Singapore",
        "attachments": [],
        "vehicle_preference": chance.choice(sorted(VEHICLES)),
    }


def _item(chance: random.Random) -> Fields:
    # Assumed: the document shows no item.
    return {"name": chance.choice(_GOODS), "quantity": chance.randint(1, 20), "weight_kg": chance.randint(1, 400)}


def _address(place: tuple[str, str, str, float, float]) -> Fields:
    street, building, zip_code, latitude, longitude = place
    known = {
        "street_address": street,
        "building_name": building,
        "city": "Singapore",
        "country": "Singapore",
        "zip_code": zip_code,
        "latitude": latitude,
        "longitude": longitude,
    }
    return {name: known.get(name) for name in ADDRESS_FIELDS}


def _contact(chance: random.Random, *, vessel: tuple[str, int] | None = None) -> Fields:
    name = chance.choice(_PEOPLE)
    known = {
        "name": name,
        "phone": f"+65{chance.randint(80_000_000, 98_999_999)}",
        "email": f"{name.split()[0].lower()}@example.com",
        "company_name": chance.choice(_COMPANIES),
        "vessel_name": vessel and vessel[0],
        "vessel_imo": vessel and vessel[1],
    }
    return {field: known.get(field) for field in CONTACT_FIELDS}


def _window(start: datetime, end: datetime) -> Fields:
    return {
        "start_time_utc": wire_time(start),
        "start_timezone": "Asia/Singapore",
        "end_time_utc": wire_time(end),
        "end_timezone": "Asia/Singapore",
    }


def task_arrivals(store: TaskStore, journeys: Journeys, org_ids: Sequence[str], start: datetime) -> Arrivals:
    """Return the arrivals that add new tasks to a store and remove old ones.

    Args:
        store: The store of the simulator.
        journeys: Plans their status changes; has the seed.
        org_ids: The organizations that own them.
        start: When the simulator starts.
    """

    def add(arrival: Arrival) -> str:
        task = _arriving_task(arrival, journeys, org_ids)
        store.add(task)
        return task.id

    # In whole seconds, as the API's times are.
    return Arrivals(start.replace(microsecond=0), RHYTHM, add, store.remove)


def _arriving_task(arrival: Arrival, journeys: Journeys, org_ids: Sequence[str]) -> Task:
    seed, number = journeys.seed, arrival.number
    chance = seeded_random(seed, "arriving", number)
    task_id = seeded_uuid(seed, "arriving task", number)
    fields = made_up_fields(chance, _FIRST_NUMBER + number, arrival.arrives_at, arrival.begins_at + _PICKUP_IN)
    fields |= {"broadcast_preference": chance.choice(("squad", "all", "marine")), "org_id": chance.choice(org_ids)}
    return Task(
        task_id, seeded_uuid(seed, "arriving group", number), fields, _arriving_events(task_id, arrival, journeys)
    )


def _arriving_events(task_id: str, arrival: Arrival, journeys: Journeys) -> tuple[StatusEvent, ...]:
    """Return all events of an arriving task. None expires: it would stay in broadcasting for hours before."""
    outcome = journeys.outcome(task_id)
    planned = journeys.plan(task_id, arrival.begins_at, None, Status.COMPLETE if outcome == Status.EXPIRED else outcome)
    broadcast = StatusEvent(Status.BROADCASTING, arrival.begins_at), *planned
    if arrival.arrives_at == arrival.begins_at:
        return broadcast
    return StatusEvent(Status.PENDING_BROADCAST, arrival.arrives_at), *broadcast
