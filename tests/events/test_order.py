"""Whatever comes in whatever order: each subscriber sees, per record, an unbroken sequence without repetitions."""

from itertools import pairwise
from random import Random

import pytest

from resolvers.events.interface import StatusEvent, StatusEventKind
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import Events
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime, settled

TASKS = ("1", "2", "3")
IDS = [f"LogisticsTask:{task_id}" for task_id in TASKS]
STEPS = 120


class Phone:
    """A client that loses its connection and comes back with its last cursor; lives as long as a test."""

    def __init__(self, events: Events, upstream: Upstream) -> None:
        self._events = events
        self._upstream = upstream
        self._seen: list[StatusEvent] = []
        self._subscriber: Subscriber | None = None

    @property
    def seen(self) -> list[StatusEvent]:
        now = self._subscriber.news if self._subscriber else []
        return [*self._seen, *now]

    async def reconnect(self) -> None:
        await self.leave()
        after = self.seen[-1].cursor if self.seen else None
        self._subscriber = Subscriber(self._events.follow(self._upstream.account(), IDS, after))

    async def leave(self) -> None:
        if self._subscriber is not None:
            await self._subscriber.leave()
            self._seen += self._subscriber.news
            self._subscriber = None


def broken_links(seen: list[StatusEvent], record_id: str) -> list[str]:
    """Where a record's sequence does not go on from where it stood."""
    broken: list[str] = []
    stands: str | None = None
    for event in seen:
        if event.kind is StatusEventKind.GAP:
            stands = None
        elif getattr(event.node, "id", None) == record_id:
            if event.kind is StatusEventKind.CHANGE and event.previous_raw_status != stands:
                broken.append(f"{stands} | {event.previous_raw_status} > {event.raw_status}")
            if event.kind is StatusEventKind.SNAPSHOT and stands is not None:
                broken.append(f"{stands} | {event.raw_status} again")
            stands = event.raw_status
    return broken


def repetitions(seen: list[StatusEvent], record_id: str) -> list[str]:
    """Statuses that were told after one that came later; `s12` is the twelfth."""
    numbers = [
        int(event.raw_status[1:])
        for event in seen
        if event.raw_status and event.kind is StatusEventKind.CHANGE and getattr(event.node, "id", None) == record_id
    ]
    return [f"s{after}" for before, after in pairwise(numbers) if after <= before]


@pytest.mark.parametrize("seed", range(25))
async def test_any_interleaving_of_polls_webhooks_and_reconnects_leaves_unbroken_sequences(
    processes: Processes, upstream: Upstream, time: VirtualTime, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - to be repeated, not to be secret

    async def travel() -> None:
        await time.sleep(chance.choice((0, 0.01, 0.5, 3)))

    events = await processes.start(MemoryEventLog(LogConfig(), time.now), queue_size=chance.choice((2, 256)))
    upstream.travel = travel
    upstream.tasks |= dict.fromkeys(TASKS, "s0")
    phones = [Phone(events, upstream) for _ in range(4)]
    for number in range(1, STEPS):
        task_id = chance.choice(TASKS)
        match chance.randrange(5):
            case 0 | 1:
                upstream.tasks[task_id] = f"s{number}"
            case 2:
                events.hint("LogisticsTask", task_id)
            case 3:
                await chance.choice(phones).reconnect()
            case 4:
                await time.advance(chance.choice((0, 0.2, 5)))
    for phone in phones:
        await phone.reconnect()
    await time.advance(100)

    for phone in phones:
        for record_id in IDS:
            assert broken_links(phone.seen, record_id) == []
            assert repetitions(phone.seen, record_id) == []
            last = [event for event in phone.seen if getattr(event.node, "id", None) == record_id][-1]
            assert last.raw_status == upstream.tasks[record_id.partition(":")[2]]
        await phone.leave()


async def test_the_check_itself_finds_what_is_lost_and_what_is_repeated(events: Events, upstream: Upstream) -> None:
    upstream.tasks |= dict.fromkeys(TASKS, "s0")
    phone = Phone(events, upstream)
    await phone.reconnect()
    await settled()
    for status in ("s1", "s2"):
        upstream.tasks["1"] = status
        events.hint("LogisticsTask", "1")
        await settled()
    await phone.leave()
    seen, first, second = phone.seen[:-2], phone.seen[-2], phone.seen[-1]

    assert broken_links([*seen, first, second], IDS[0]) == []
    assert broken_links([*seen, second], IDS[0]) == ["s0 | s1 > s2"]
    assert broken_links([*seen, first, first], IDS[0]) == ["s1 | s0 > s1"]
    assert repetitions([*seen, first, first], IDS[0]) == ["s1"]
