"""Many webhooks at once: what nobody follows is forgotten and not read, what somebody follows is read within bounds."""

import asyncio

from resolvers.events.changes import RecordKey
from resolvers.events.hints import WORKERS
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import Events
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime, settled

STORM = [f"task-{number}" for number in range(300)]
DAY = 86_400


async def test_a_storm_about_tasks_that_nobody_follows_forgets_them_and_reads_none(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    forgotten: list[RecordKey] = []

    async def forget(key: RecordKey) -> None:
        forgotten.append(key)

    events = await processes.start(MemoryEventLog(LogConfig(), time.now), forget=forget)
    upstream.tasks |= dict.fromkeys(STORM, "accepted")
    for task_id in STORM:
        events.hint("LogisticsTask", task_id)
    await settled()

    assert forgotten == [RecordKey("own", "LogisticsTask", task_id) for task_id in STORM]
    assert upstream.calls["platform_task_detail"] == 0


async def test_a_storm_about_tasks_that_are_followed_reads_each_once_and_few_at_a_time(
    events: Events, upstream: Upstream
) -> None:
    upstream.tasks |= dict.fromkeys(STORM, "accepted")
    subscriber = Subscriber(events.follow(upstream.account(), [f"LogisticsTask:{one}" for one in STORM], None))
    await settled()
    upstream.calls.clear()
    under_way, most, released = 0, 0, asyncio.Event()

    async def travel() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await released.wait()
        under_way -= 1

    upstream.travel = travel
    upstream.tasks = dict.fromkeys(STORM, "pending_pickup")
    for task_id in STORM * 3:
        events.hint("LogisticsTask", task_id)
    await settled()
    asked_at_once = most
    released.set()
    for _ in range(30):
        await settled()

    assert asked_at_once == WORKERS
    assert upstream.calls["platform_task_detail"] == len(STORM)
    assert subscriber.told.count("CHANGE accepted > pending_pickup") == len(STORM)
    await subscriber.leave()


async def test_a_subscriber_that_comes_back_is_told_all_that_webhooks_told_meanwhile(
    events: Events, upstream: Upstream
) -> None:
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()
    for status in ("pending_pickup", "complete"):
        upstream.tasks["1"] = status
        events.hint("LogisticsTask", "1")
        await settled()

    resumed = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], first.events[-1].cursor))
    await settled()

    assert resumed.told == ["CHANGE accepted > pending_pickup", "CHANGE pending_pickup > complete"]
    await resumed.leave()


async def test_a_task_whose_last_subscriber_left_longer_ago_than_changes_are_kept_is_not_read(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()
    await time.advance(DAY + 1)
    upstream.calls.clear()
    events.hint("LogisticsTask", "1")
    await settled()

    assert upstream.calls["platform_task_detail"] == 0
