"""Boards against a model: snapshot and events together are the upstream's list, also across reconnects."""

import random
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Final

import msgspec
import pytest

from gateway.subscriptions.event_counts import EventCounts
from resolvers.accounts import Account
from resolvers.catalogue import followed_type, record_types
from resolvers.errors import BadInput
from resolvers.events.board_subscription import BoardEvent
from resolvers.events.boards import BOARD_SIZE, BoardEventKind, BoardItem, differences
from resolvers.events.interface import StatusEventKind
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import Events
from resolvers.kinds.boards import JobFilters, board_id
from resolvers.task_filters import EVERY_TASK, TaskFilters
from resolvers.upstreams.deliveries.requests import DeliveryFilters
from resolvers.upstreams.deliveries.vocabulary import DeliveryStatus
from resolvers.upstreams.logistics.vocabulary import TaskStatus
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.test_sharing import QUICK, Shared
from tests.events.upstream import Upstream
from tests.events.virtual_time import RealTime, VirtualTime

TASKS: Final = "LogisticsTaskBoard"
ACCEPTED: Final = TaskFilters(statuses=(TaskStatus.ACCEPTED,))


class Follower:
    """A client that keeps the list that it is sent, and goes on from any of its cursors; lifetime: one test."""

    def __init__(self, events: Events, account: Account, kind: str, filters: msgspec.Struct) -> None:
        self.events = events
        self.account = account
        self._board = (kind, board_id(filters))
        self.statuses: dict[str, str] = {}
        self.taken: list[BoardEvent] = []
        self._subscriber = self._begun(None)

    def _begun(self, after: str | None) -> Subscriber:
        return Subscriber(self.events.follow_board(self.account, *self._board, after))  # type: ignore[arg-type]  # events with `problem`

    @property
    def news(self) -> list[BoardEvent]:
        return self._subscriber.news  # type: ignore[return-value]  # see above

    def apply(self, events: list[BoardEvent]) -> None:
        for one in events:
            self.taken.append(one)
            match one.kind:
                case BoardEventKind.SNAPSHOT:
                    self.statuses = {record.id: "" for record in one.records}
                case BoardEventKind.ENTERED | BoardEventKind.CHANGED:
                    self.statuses[str(one.node_id)] = str(one.raw_status)
                case BoardEventKind.LEFT:
                    # It may have been taken away before, by an event that came twice.
                    self.statuses.pop(str(one.node_id), None)

    async def reconnect(self, taken: int) -> None:
        """Lose the connection after some of the events that have arrived, and come back."""
        self.apply(self.news[:taken])
        await self._subscriber.leave()
        self._subscriber = self._begun(self.taken[-1].cursor if self.taken else None)

    async def leave(self) -> None:
        self.apply(self.news)
        await self._subscriber.leave()


def task_change(upstream: Upstream, chance: random.Random, number: int) -> None:
    kind = chance.random()
    if kind < 0.5 or not upstream.tasks:
        upstream.tasks[f"t{number}"] = chance.choice(["accepted", "accepted", "draft"])
    elif kind < 0.85:
        upstream.tasks[chance.choice(list(upstream.tasks))] = chance.choice(["accepted", "complete", "draft"])
    else:
        del upstream.tasks[chance.choice(list(upstream.tasks))]


def delivery_change(upstream: Upstream, chance: random.Random, number: int) -> None:
    if chance.random() < 0.5 or not upstream.deliveries:
        upstream.deliveries[str(number)] = "waiting"
        upstream.updated[str(number)] = RealTime().now()
    else:
        upstream.deliveries[chance.choice(list(upstream.deliveries))] = chance.choice(["waiting", "completed", "error"])


def job_change(upstream: Upstream, chance: random.Random, number: int) -> None:
    if chance.random() < 0.6 or not upstream.recipients:
        upstream.recipients[f"J.20300101-{number:06}.000-x"] = {}
    else:
        upstream.finished_jobs.add(chance.choice(list(upstream.recipients)))


def newest(ids: list[str]) -> list[str]:
    return ids[-BOARD_SIZE:]


LISTS: Final[dict[str, tuple[str, msgspec.Struct, Callable[..., None], Callable[[Upstream], list[str]]]]] = {
    "tasks": (TASKS, EVERY_TASK, task_change, lambda one: [f"LogisticsTask:{task}" for task in one.tasks]),
    "accepted tasks": (
        TASKS,
        ACCEPTED,
        task_change,
        lambda one: [f"LogisticsTask:{task}" for task, word in one.tasks.items() if word == "accepted"],
    ),
    "waiting deliveries": (
        "DeliveryBoard",
        DeliveryFilters(status=DeliveryStatus.WAITING),
        delivery_change,
        lambda one: [f"Delivery:{own}" for own, word in one.deliveries.items() if word == "waiting"],
    ),
    "open jobs": (
        "SmsJobBoard",
        JobFilters(open=True),
        job_change,
        lambda one: [f"SmsJob:{own}" for own in one.recipients if own not in one.finished_jobs],
    ),
    "jobs": ("SmsJobBoard", JobFilters(), job_change, lambda one: [f"SmsJob:{own}" for own in one.recipients]),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("seed", range(4))
async def test_snapshot_and_events_are_the_list_at_rest_whenever_the_client_reconnects(
    name: str, seed: int, events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history of a test
    kind, filters, change, expected = LISTS[name]
    follower = Follower(events, upstream.account(), kind, filters)
    numbers = count()
    for _ in range(25):
        for _ in range(chance.choice([0, 1, 3, 20])):
            change(upstream, chance, next(numbers))
        await time.advance(chance.choice([0.5, 3, 30]))
        if chance.random() < 0.4:
            await follower.reconnect(chance.randint(0, len(follower.news)))
        upstream.down = chance.random() < 0.1
    upstream.down = False
    await time.advance(300)

    await follower.leave()

    assert sorted(follower.statuses) == sorted(newest(expected(upstream)))
    kinds = {one.kind for one in follower.taken}
    assert BoardEventKind.GAP not in kinds
    assert {BoardEventKind.SNAPSHOT, BoardEventKind.ENTERED} <= kinds


async def test_a_hundred_subscribers_to_one_list_cost_the_polls_of_one(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks = {"1": "accepted"}
    account = upstream.account()
    followers = [Follower(events, account, TASKS, EVERY_TASK) for _ in range(100)]
    await time.advance(0.5)
    assert upstream.calls["platform_list_tasks"] == 1

    upstream.tasks["2"] = "draft"
    await time.advance(9)

    # After 2, 4 and 2 seconds, as a single record is polled.
    assert upstream.calls["platform_list_tasks"] <= 5
    for one in followers:
        await one.leave()
        assert sorted(one.statuses) == ["LogisticsTask:1", "LogisticsTask:2"]


async def test_a_webhook_about_any_task_has_the_boards_of_tasks_read_at_once(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks = {"1": "accepted"}
    follower = Follower(events, upstream.account(), TASKS, EVERY_TASK)
    await time.advance(200)
    calls = upstream.calls["platform_list_tasks"]
    upstream.tasks["2"] = "draft"

    events.hint("LogisticsTask", "2")
    await time.advance(2)

    assert upstream.calls["platform_list_tasks"] == calls + 1
    await follower.leave()
    assert "LogisticsTask:2" in follower.statuses


async def test_a_storm_of_webhooks_costs_no_more_polls_than_the_shortest_interval_allows(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    follower = Follower(events, upstream.account(), TASKS, EVERY_TASK)
    await time.advance(100)
    calls = upstream.calls["platform_list_tasks"]
    for number in range(200):
        events.hint("LogisticsTask", f"t{number}")
        await time.advance(0.1)

    assert upstream.calls["platform_list_tasks"] - calls <= 11
    await follower.leave()


async def test_a_cursor_of_another_filter_is_refused(events: Events, upstream: Upstream, time: VirtualTime) -> None:
    follower = Follower(events, upstream.account(), TASKS, EVERY_TASK)
    await time.advance(1)
    cursor = follower.news[0].cursor
    await follower.leave()

    with pytest.raises(BadInput, match="another filter"):
        events.follow_board(upstream.account(), TASKS, board_id(ACCEPTED), cursor)
    assert len(cursor) < 80


async def test_a_place_that_the_log_has_lost_is_a_gap_and_a_snapshot(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    events = await processes.start(MemoryEventLog(LogConfig(max_events=1), time.now))
    upstream.tasks = {"1": "accepted"}
    follower = Follower(events, upstream.account(), TASKS, EVERY_TASK)
    await time.advance(1)
    for number in range(2, 5):
        upstream.tasks[str(number)] = "accepted"
        other = Follower(events, upstream.account(), TASKS, TaskFilters(group_tag=str(number)))
        await time.advance(5)
        await other.leave()

    await follower.reconnect(1)
    await time.advance(100)
    await follower.leave()

    assert [one.kind.value for one in follower.taken][:3] == ["SNAPSHOT", "GAP", "SNAPSHOT"]
    assert len(follower.statuses) == 4


async def test_an_upstream_that_fails_is_a_problem_and_then_a_snapshot(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.down = True
    follower = Follower(events, upstream.account(), TASKS, EVERY_TASK)
    await time.advance(5)
    upstream.down = False
    await time.advance(60)

    await follower.leave()

    assert [one.kind for one in follower.taken] == [BoardEventKind.PROBLEM, BoardEventKind.SNAPSHOT]
    assert follower.taken[0].problem is not None
    assert follower.taken[0].problem.code == "UPSTREAM_UNAVAILABLE"


def test_what_leads_from_one_state_to_another_is_found_for_any_two() -> None:
    chance = random.Random(1)  # noqa: S311 - states of a test
    for _ in range(300):
        before, after = ([BoardItem(one, chance.choice("xy")) for one in chance.sample("abcdef", 4)] for _ in range(2))
        state = {one.id: one for one in before}
        for kind, item, previous in differences(before, after):
            assert state.get(item.id) == previous
            if kind is BoardEventKind.LEFT:
                del state[item.id]
            else:
                state[item.id] = item

        assert state == {one.id: one for one in after}


def test_events_of_boards_are_counted_with_those_of_records() -> None:
    counts = EventCounts(lambda: 0.0)
    for kind in BoardEventKind:
        counts.add(BoardEvent(kind=kind, cursor="", occurred_at=VirtualTime().now()))

    assert counts.sent[StatusEventKind.SNAPSHOT, None] == counts.sent[BoardEventKind.ENTERED, None] == 1
    assert len({(kind.name, source) for kind, source in counts.sent}) == len(counts.sent)


def test_boards_are_no_records_that_clients_know() -> None:
    assert not [name for name in record_types() if name.endswith("Board")]
    assert followed_type(TASKS).internal


@pytest.fixture
async def shared(redis_url: str, redis_prefix: str) -> AsyncIterator[tuple[Shared, Upstream]]:
    upstream = Upstream(RealTime().now)
    started = Shared(redis_url, redis_prefix, upstream)
    yield started, upstream
    await started.close()


async def test_processes_on_one_redis_share_the_polls_and_each_others_cursors(
    shared: tuple[Shared, Upstream],
) -> None:
    started, upstream = shared
    one, two = await started.start(QUICK), await started.start(QUICK)
    upstream.tasks = {"1": "accepted", "2": "draft"}
    first = Follower(one, upstream.account(), TASKS, EVERY_TASK)
    second = Follower(two, upstream.account(), TASKS, EVERY_TASK)
    for follower in (first, second):
        await follower._subscriber.until(1)
    upstream.tasks["3"] = "draft"
    for follower in (first, second):
        await follower._subscriber.until(2)
    upstream.tasks["2"] = "accepted"
    for follower in (first, second):
        await follower._subscriber.until(3)
        # One of the processes has not read it since, and must not show what it knew.
        record = follower.news[2].records[0].known
        assert record is None or record.raw_status == "accepted"
    del upstream.tasks["1"]
    for follower in (first, second):
        await follower._subscriber.until(4)

    first.events, second.events = two, one
    for follower in (first, second):
        await follower.reconnect(2)
        await follower._subscriber.until(2)
        await follower.leave()

        assert [event.kind.value for event in follower.taken] == ["SNAPSHOT", "ENTERED", "CHANGED", "LEFT"]
        assert sorted(follower.statuses) == ["LogisticsTask:2", "LogisticsTask:3"]
