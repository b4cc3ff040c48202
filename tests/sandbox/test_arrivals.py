"""New records arrive for as long as the sandbox runs, and the number of records stays bounded."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries.simulator import DeliveriesSimulator, create_deliveries
from gateway.sandbox.generated_records import Arrival, Arrivals, Rhythm, keep_arriving
from gateway.sandbox.logistics.lifecycle import Status
from gateway.sandbox.logistics.simulator import LogisticsSimulator, create_logistics
from gateway.sandbox.sms.records import SmsJob
from gateway.sandbox.sms.simulator import SmsSimulators, create_sms
from tests.sandbox.logistics.server import NOON

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

ENDS = {Status.COMPLETE, Status.UNSUCCESSFUL_PICKUP, Status.UNSUCCESSFUL_DELIVERY}

Simulators = DeliveriesSimulator | SmsSimulators | LogisticsSimulator
Create = Callable[..., Any]


class Notes:
    """The records that arrivals have added and removed; test lifetime."""

    def __init__(self, rhythm: Rhythm) -> None:
        self.there: dict[str, Arrival] = {}
        self.added = 0
        self.arrivals = Arrivals(NOON, rhythm, self._add, self._remove)

    def _add(self, arrival: Arrival) -> str:
        self.added += 1
        self.there[f"r{arrival.number}"] = arrival
        return f"r{arrival.number}"

    def _remove(self, record_id: str) -> None:
        del self.there[record_id]

    def after(self, seconds: float) -> list[str]:
        self.arrivals.catch_up(NOON + timedelta(seconds=seconds))
        return list(self.there)


def test_a_record_arrives_at_each_interval_and_the_oldest_makes_room() -> None:
    notes = Notes(Rhythm(every_seconds=10, ahead=0, kept=3))

    assert notes.after(0) == ["r0"]
    assert notes.after(9.9) == ["r0"]
    assert notes.after(10) == ["r0", "r1"]
    assert notes.after(39) == ["r1", "r2", "r3"]


def test_records_are_there_ahead_of_their_beginning() -> None:
    notes = Notes(Rhythm(every_seconds=10, ahead=2, kept=5))

    assert notes.after(0) == ["r0", "r1", "r2"]
    assert notes.after(10) == ["r0", "r1", "r2", "r3"]
    moments = [(one.arrives_at - NOON, one.begins_at - NOON) for one in notes.there.values()]
    seconds = [(arrives.total_seconds(), begins.total_seconds()) for arrives, begins in moments]
    assert seconds == [(0, 0), (0, 10), (0, 20), (10, 30)]


def test_what_nobody_could_have_seen_is_not_made() -> None:
    notes = Notes(Rhythm(every_seconds=10, ahead=0, kept=3))
    notes.after(0)

    assert notes.after(10_000) == ["r998", "r999", "r1000"]
    assert notes.added == 4


async def test_the_simulators_catch_up_with_the_clock_again_and_again() -> None:
    clock, slept = ManualClock(NOON), list[float]()
    notes = [Notes(Rhythm(every_seconds=10, ahead=0, kept=9)) for _ in range(2)]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(10)
        if len(slept) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await keep_arriving([one.arrivals for one in notes], clock, sleep=sleep, every_seconds=0.5)

    assert slept == [0.5] * 3
    assert [list(one.there) for one in notes] == [["r0", "r1", "r2"]] * 2


def jobs_of(simulators: SmsSimulators, now: datetime) -> list[SmsJob]:
    return [job for data_centre in simulators.data_centres for job in data_centre.open_jobs(now)]


def moving(simulators: Simulators, now: datetime) -> list[str]:
    """The records in progress: begun, with a status change to come."""
    if isinstance(simulators, DeliveriesSimulator):
        tasks = simulators.store.send_tasks.values()
        return [str(task.task_id) for task in tasks if task.status_at(now) in {"waiting", "procesing"}]
    if isinstance(simulators, SmsSimulators):
        return [job.job_id for job in jobs_of(simulators, now)]
    begun = (task for task in simulators.tasks if Status.BROADCASTING in {event.status for event in task.so_far(now)})
    return [task.id for task in begun if task.events[-1].happened_at > now]


def count(simulators: Simulators) -> int:
    if isinstance(simulators, DeliveriesSimulator):
        return len(simulators.store.send_tasks)
    if isinstance(simulators, SmsSimulators):
        return sum(len(data_centre) for data_centre in simulators.data_centres)
    return len(simulators.tasks)


def moments(clock: ManualClock, simulators: Simulators, *, seconds: float, step: float) -> Iterator[datetime]:
    """Advance the clock in steps, with arrivals at each step."""
    for _ in range(int(seconds / step)):
        simulators.arrivals.catch_up(clock.now())
        yield clock.now()
        clock.advance(step)


EVERY_SIMULATOR = pytest.mark.parametrize("create", [create_deliveries, create_sms, create_logistics])


@EVERY_SIMULATOR
@pytest.mark.parametrize("seed", [1, 2])
def test_something_moves_at_any_time(create: Create, seed: int) -> None:
    clock = ManualClock(NOON)
    simulators = create(clock, seed=seed)

    still = [
        now for now in moments(clock, simulators, seconds=1.5 * DAY, step=2 * MINUTE) if not moving(simulators, now)
    ]

    assert still == []


@EVERY_SIMULATOR
def test_what_moves_is_soon_something_else(create: Create) -> None:
    clock = ManualClock(NOON)
    simulators = create(clock)

    seen = [set(moving(simulators, now)) for now in moments(clock, simulators, seconds=DAY, step=3 * HOUR)]

    assert all(before.isdisjoint(after) for before, after in pairwise(seen))


@EVERY_SIMULATOR
def test_without_end_no_more_is_kept_than_after_a_day(create: Create) -> None:
    clock = ManualClock(NOON)
    simulators = create(clock)
    counts = [count(simulators) for _ in moments(clock, simulators, seconds=5 * DAY, step=HOUR / 2)]

    assert counts[-1] == max(counts) == counts[50]
    assert counts[0] < counts[1] < counts[-1] < 600


def test_each_task_that_arrives_comes_to_an_end() -> None:
    clock = ManualClock(NOON)
    simulators = create_logistics(clock)
    seeded = {task.id for task in simulators.tasks}
    for _ in moments(clock, simulators, seconds=DAY, step=HOUR):
        pass

    still = moving(simulators, clock.now())
    arrived = [task for task in simulators.tasks if task.id not in seeded and task.id not in still]
    ended = [task for task in arrived if task.status(clock.now()) in ENDS]

    assert len(ended) > 120
    assert {task.status(clock.now()) for task in arrived if task not in ended} == {Status.PENDING_BROADCAST}


def looks(simulators: Simulators, now: datetime) -> dict[str, str]:
    """Every record in its current state, by id."""
    if isinstance(simulators, DeliveriesSimulator):
        return {number: f"{task} {task.status_at(now)}" for number, task in simulators.store.send_tasks.items()}
    if isinstance(simulators, SmsSimulators):
        return {job.job_id: str(job) for job in jobs_of(simulators, now)}
    return {task.id: str(task) for task in simulators.tasks}


@EVERY_SIMULATOR
def test_which_records_there_are_follows_from_seed_and_clock_however_often_they_are_looked_at(create: Create) -> None:
    often, once = ManualClock(NOON), ManualClock(NOON)
    looked_at_often, looked_at_once = create(often, seed=3), create(once, seed=3)
    another = create(ManualClock(NOON), seed=4)

    for _ in moments(often, looked_at_often, seconds=3 * DAY, step=7 * MINUTE):
        pass
    once.advance((often.now() - once.now()).total_seconds())
    for one in (looked_at_often, looked_at_once, another):
        one.arrivals.catch_up(once.now())

    assert looks(looked_at_often, once.now()) == looks(looked_at_once, once.now())
    assert looks(looked_at_once, once.now()) != looks(another, once.now())
