"""The logistics tasks that begin while the sandbox runs: ordered ahead, and broadcast when their time comes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.sandbox.arrivals import Arrival, Arrivals, Rhythm
from gateway.sandbox.logistics import vocabulary as words
from gateway.sandbox.logistics.chance import seeded_random, seeded_uuid
from gateway.sandbox.logistics.lifecycle import Journeys, StatusEvent
from gateway.sandbox.logistics.seed import made_up_fields
from gateway.sandbox.logistics.tasks import Task, TaskStore

RHYTHM: Final = Rhythm(every_seconds=600, ahead=8, kept=144)
"""A day of the clock is kept."""

_FIRST_NUMBER: Final = 1_000
_PICKUP_IN: Final = timedelta(hours=6)


def task_arrivals(store: TaskStore, journeys: Journeys, org_ids: Sequence[str], start: datetime) -> Arrivals:
    """What adds new tasks to a store and removes old ones.

    Args:
        store: Of the simulator.
        journeys: Plans what becomes of them, and holds the seed.
        org_ids: The organizations that own them.
        start: When the simulator starts.
    """

    def add(arrival: Arrival) -> str:
        task = _task(arrival, journeys, org_ids)
        store.add(task)
        return task.id

    return Arrivals(start.replace(microsecond=0), RHYTHM, add, store.remove)


def _task(arrival: Arrival, journeys: Journeys, org_ids: Sequence[str]) -> Task:
    seed, number = journeys.seed, arrival.number
    chance = seeded_random(seed, "arriving", number)
    task_id = seeded_uuid(seed, "arriving task", number)
    fields = made_up_fields(chance, _FIRST_NUMBER + number, arrival.arrives_at, arrival.begins_at + _PICKUP_IN)
    fields |= {"broadcast_preference": chance.choice(("squad", "all", "marine")), "org_id": chance.choice(org_ids)}
    return Task(task_id, seeded_uuid(seed, "arriving group", number), fields, _events(task_id, arrival, journeys))


def _events(task_id: str, arrival: Arrival, journeys: Journeys) -> tuple[StatusEvent, ...]:
    """All that will happen to a task; one that expires for want of a driver would stand still for hours before."""
    outcome = journeys.outcome(task_id)
    planned = journeys.plan(task_id, arrival.begins_at, None, words.COMPLETE if outcome == words.EXPIRED else outcome)
    broadcast = StatusEvent(words.BROADCASTING, arrival.begins_at), *planned
    if arrival.arrives_at == arrival.begins_at:
        return broadcast
    return StatusEvent(words.PENDING_BROADCAST, arrival.arrives_at), *broadcast
