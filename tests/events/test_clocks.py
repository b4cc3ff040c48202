"""Whatever moments an upstream gives, and whatever comes first: each subscriber ends with the truth."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import timedelta
from random import Random
from typing import Any, Final, TypeAlias

import pytest

from resolvers.events.interface import StatusEventSource
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import Events
from resolvers.upstreams.logistics.task_records import LogisticsTask
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.test_order import IDS, TASKS, Phone, broken_links
from tests.events.upstream import Upstream
from tests.events.virtual_time import NOON, VirtualTime, settled

STEPS: Final = 100
MOST_READS: Final = 6
"""Of one task after its last change: those of the read that was under way, and then one and its confirmation."""

FINAL: Final = {"complete", "cancelled"}
Dated: TypeAlias = tuple[str, int | None]
"""A task's status, and how many seconds past noon the upstream says that it has it; None where it does not say."""

NextStatus: TypeAlias = Callable[[int, str, Random], str]
"""The status of a step, unlike the one that the task is in."""

WORDS: Final = ("accepted", "pending_pickup", *FINAL)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("accepted", 30), ("complete", 20)),
        (("accepted", 30), ("pending_pickup", 29)),
        (("complete", 30), ("accepted", 30)),
        (("complete", 30), ("accepted", None)),
        (("complete", None), ("accepted", 20)),
    ],
)
async def test_a_task_dated_before_its_last_status_is_told(
    events: Events, upstream: Upstream, time: VirtualTime, before: Dated, after: Dated
) -> None:
    upstream.tasks["2"] = "accepted"
    change(upstream, "1", before)
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1", "LogisticsTask:2"], None))
    await settled()
    change(upstream, "1", after)
    events.hint("LogisticsTask", "1")
    await time.advance(2)
    await time.advance(100)

    assert subscriber.told[2:] == [f"CHANGE {before[0]} > {after[0]}"]
    await subscriber.leave()


async def test_a_delivery_dated_a_second_back_is_told(events: Events, upstream: Upstream, time: VirtualTime) -> None:
    upstream.deliveries["7"] = "waiting"
    date(upstream, "7", 30)
    subscriber = Subscriber(events.follow(upstream.account(), ["Delivery:7"], None))
    await settled()
    upstream.deliveries["7"] = "completed"
    date(upstream, "7", 29)
    await time.advance(5)

    assert subscriber.told == ["SNAPSHOT waiting", "CHANGE waiting > completed"]
    assert subscriber.ended


async def test_a_status_that_a_second_read_does_not_find_again_is_not_told(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "pending_pickup"
    date(upstream, "1", 30)
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    upstream.tasks["1"] = "accepted"
    date(upstream, "1", 20)
    events.hint("LogisticsTask", "1")
    await settled()
    upstream.tasks["1"] = "pending_pickup"
    date(upstream, "1", 30)
    await time.advance(100)

    assert subscriber.told == ["SNAPSHOT pending_pickup"]
    await subscriber.leave()


async def test_a_mutation_whose_answer_is_dated_too_early_is_told(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    date(upstream, "1", 30)
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await Changes(events, upstream, time, Random(0)).mutate("1", ("cancelled", 20))  # noqa: S311 - nothing is drawn
    await time.advance(2)

    assert subscriber.told == ["SNAPSHOT accepted", "CHANGE accepted > cancelled"]
    assert subscriber.events[-1].source is StatusEventSource.MUTATION
    assert subscriber.ended


async def test_a_new_subscriber_is_shown_the_status_that_the_others_are_told(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    date(upstream, "1", 30)
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await time.advance(1.5)
    upstream.tasks["1"] = "pending_pickup"
    date(upstream, "1", 20)
    await time.advance(1)
    second = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await time.advance(5)

    assert first.told == ["SNAPSHOT accepted", "CHANGE accepted > pending_pickup"]
    assert second.told == ["SNAPSHOT pending_pickup"]
    await first.leave()
    await second.leave()


async def test_a_white_box_a_late_task_that_is_then_gone_leaves_nothing_behind(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    change(upstream, "1", ("accepted", 30))
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    change(upstream, "1", ("complete", 20))
    events.hint("LogisticsTask", "1")
    await settled()
    del upstream.tasks["1"]
    await time.advance(2)

    assert subscriber.told[-1] == "NOT_FOUND LogisticsTask:1"
    assert not events._reader._comparing
    await subscriber.leave()


def change(upstream: Upstream, task_id: str, to: Dated) -> None:
    status, second = to
    upstream.tasks[task_id] = status
    date(upstream, task_id, second)


def date(upstream: Upstream, local_id: str, second: int | None) -> None:
    """Have the upstream say that it changed something so many seconds past noon, or not say when."""
    upstream.updated.pop(local_id, None)
    if second is not None:
        upstream.updated[local_id] = NOON + timedelta(seconds=second)


class Changes:
    """Changes tasks, and says so in every way that there is; lives as long as a test.

    Attributes:
        made: The statuses that each task has had.
    """

    def __init__(self, events: Events, upstream: Upstream, time: VirtualTime, chance: Random) -> None:
        self._events = events
        self._upstream = upstream
        self._time = time
        self._chance = chance
        self._tasks: list[asyncio.Task[None]] = []
        self.made: defaultdict[str, list[str]] = defaultdict(list)

    def step(self, task_id: str, to: Dated) -> bool:
        """Change a task, or send a webhook for nothing; whether something was done."""
        match self._chance.randrange(6):
            case 0 | 1:
                self._make(task_id, to)
                self._soon(self._tell(task_id))
            case 2:
                self._soon(self.mutate(task_id, to))
            case 3:
                self._soon(self._tell(task_id))
            case _:
                return False
        return True

    async def mutate(self, task_id: str, to: Dated) -> None:
        """Change a task through the gateway."""
        since = self._events.version
        await self._travel()
        self._make(task_id, to)
        updated_at = self._upstream.updated_at(task_id)
        task = LogisticsTask(task_id=task_id, raw_status=to[0], wire_updated_at=updated_at)
        await self._travel()
        await self._events.record_changed(self._upstream.account(), task, since, StatusEventSource.MUTATION)

    async def finish(self) -> None:
        """Let every change arrive at the upstream, and its answer at the gateway."""
        while not all(task.done() for task in self._tasks):
            await self._time.advance(1)
        await asyncio.gather(*self._tasks)

    def _make(self, task_id: str, to: Dated) -> None:
        change(self._upstream, task_id, to)
        self.made[task_id].append(to[0])

    async def _tell(self, task_id: str) -> None:
        """Send a webhook, which may arrive after those that are sent later."""
        await self._time.sleep(self._chance.choice((0, 1, 20)))
        self._events.hint("LogisticsTask", task_id)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _travel(self) -> None:
        if self._upstream.travel is not None:
            await self._upstream.travel()


def numbered(number: int, _now: str, _chance: Random) -> str:
    return f"s{number}"


def one_of_the_words(_number: int, now: str, chance: Random) -> str:
    return chance.choice([word for word in WORDS if word != now])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("next_status", [numbered, one_of_the_words])
async def test_every_subscriber_ends_with_the_truth_after_a_bounded_number_of_reads(
    processes: Processes, upstream: Upstream, time: VirtualTime, seed: int, next_status: NextStatus
) -> None:
    chance = Random(seed)  # noqa: S311 - to be repeated, not to be secret

    async def travel() -> None:
        await time.sleep(chance.choice((0, 0.01, 0.5, 3)))

    events = await processes.start(MemoryEventLog(LogConfig(), time.now))
    upstream.travel = travel
    upstream.tasks |= dict.fromkeys(TASKS, "s0")
    changes = Changes(events, upstream, time, chance)
    phones = [Phone(events, upstream) for _ in range(3)]
    for number in range(1, STEPS):
        task_id = chance.choice(TASKS)
        status = next_status(number, upstream.tasks[task_id], chance)
        if changes.step(task_id, (status, chance.choice((None, *range(0, 60, 10))))):
            continue
        await chance.choice(phones).reconnect()
        await time.advance(chance.choice((0, 0.2, 5)))
    for phone in phones:
        await phone.reconnect()
    await changes.finish()
    before = upstream.reads.copy()
    for _ in range(400):
        if all(knows_all(phone, upstream) for phone in phones):
            break
        await time.advance(0.5)
        assert max((upstream.reads - before).values(), default=0) <= MOST_READS
    await time.advance(200)

    for phone in phones:
        assert knows_all(phone, upstream)
        assert [links for one in IDS if (links := broken_links(phone.seen, one))] == []
        for one in TASKS:
            heard = [event.raw_status for event in phone.seen if getattr(event.node, "task_id", None) == one]
            assert stands_within(heard, ["s0", *changes.made[one]])
        await phone.leave()


def stands_within(heard: list[str | None], happened: list[str]) -> bool:
    """Whether what was heard happened in that order, each as often as it was heard."""
    rest = iter(happened)
    return all(any(one == other for other in rest) for one in heard)


def knows_all(phone: Phone, upstream: Upstream) -> bool:
    """Whether the last that a client heard of each task is true, or final, after which it follows the task no more."""
    stands = {getattr(event.node, "id", None): event.raw_status for event in phone.seen}
    return all(stands.get(f"LogisticsTask:{one}") in {upstream.tasks[one], *FINAL} for one in TASKS)
