from itertools import pairwise

import pytest

from resolvers.events.changes import RecordKey
from resolvers.events.interface import StatusEventSource
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import Events
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime, settled


async def test_a_record_is_polled_once_an_interval_however_many_follow_it(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    subscribers = [Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None)) for _ in range(20)]
    await settled()
    assert upstream.calls["platform_task_detail"] == 1

    await time.advance(3)

    assert upstream.calls["platform_task_detail"] == 2
    for subscriber in subscribers:
        await subscriber.leave()


async def test_the_interval_doubles_to_its_ceiling_and_is_short_again_after_a_change(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.deliveries["7"] = "pending"
    subscriber = Subscriber(events.follow(upstream.account(), ["Delivery:7"], None))
    await settled()
    polled_at = await _polls(upstream, time, 300)
    upstream.deliveries["7"] = "waiting"
    for _ in range(120):
        if len(subscriber.told) == 1:
            await time.advance(1)
    after_change = await _polls(upstream, time, 8)

    gaps = [after - before for before, after in pairwise(polled_at)]
    assert gaps[:4] == [4, 8, 16, 32]
    assert set(gaps[4:]) == {60}
    assert after_change == [1, 5]
    await subscriber.leave()


async def _polls(upstream: Upstream, time: VirtualTime, seconds: int) -> list[int]:
    polled_at = []
    for second in range(seconds):
        before = upstream.calls["delivery"]
        await time.advance(1)
        if upstream.calls["delivery"] > before:
            polled_at.append(second)
    return polled_at


async def test_deliveries_are_polled_together_and_the_recipients_of_a_job_by_one_call(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.deliveries |= {str(number): "waiting" for number in range(60)}
    upstream.recipients["J.1"] = {f"S.{number}": "OPEN" for number in range(30)}
    ids = [f"Delivery:{number}" for number in range(60)] + [f"Recipient:J.1/S.{number}" for number in range(30)]
    subscriber = Subscriber(events.follow(upstream.account(), ids, None))
    await settled()
    first = dict(upstream.calls)
    await time.advance(3)

    assert first == {"deliveries_by_id": 2, "recipients": 1}
    assert upstream.calls == {"deliveries_by_id": 4, "recipients": 2}
    assert len(subscriber.told) == 90
    await subscriber.leave()


async def test_a_poll_that_fails_unforeseen_is_repeated_at_its_interval_and_not_at_each_tick(
    events: Events, upstream: Upstream, time: VirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.tasks["1"] = "accepted"
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()

    async def stumble() -> None:
        raise ZeroDivisionError

    upstream.travel = stumble
    before = upstream.calls["platform_task_detail"]
    await time.advance(30)
    upstream.travel = None
    failed = upstream.calls["platform_task_detail"] - before
    upstream.tasks["1"] = "completed"
    await time.advance(60)

    assert 1 <= failed <= 5
    assert "not foreseen" in caplog.text
    assert len(subscriber.told) == 2
    await subscriber.leave()


async def test_polling_stops_when_nobody_listens(events: Events, upstream: Upstream, time: VirtualTime) -> None:
    upstream.tasks |= {"1": "accepted", "2": "accepted"}
    one = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await one.leave()
    polled = upstream.calls["platform_task_detail"]

    await time.advance(300)

    assert upstream.calls["platform_task_detail"] == polled


async def test_a_final_record_is_not_polled_while_others_of_the_subscription_are(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"], upstream.deliveries["7"] = "complete", "waiting"
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1", "Delivery:7"], None))
    await settled()
    await time.advance(120)

    assert upstream.calls["platform_task_detail"] <= 2
    assert upstream.calls["delivery"] > 4
    await subscriber.leave()


async def test_tasks_are_polled_slowly_as_long_as_webhooks_arrive(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks |= {"1": "accepted", "2": "accepted"}
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    upstream.tasks["1"] = "pending_pickup"
    events.hint("LogisticsTask", "1")
    await settled()
    polled = upstream.calls["platform_task_detail"]

    await time.advance(8)
    within_eight_seconds = upstream.calls["platform_task_detail"] - polled
    await time.advance(4)

    assert within_eight_seconds == 0
    assert upstream.calls["platform_task_detail"] - polled == 1
    await subscriber.leave()


async def test_a_hint_becomes_an_event_only_by_what_the_upstream_says(events: Events, upstream: Upstream) -> None:
    upstream.tasks["1"] = "accepted"
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    for _ in range(3):
        events.hint("LogisticsTask", "1")
        await settled()
    upstream.tasks["1"] = "pending_pickup"
    for _ in range(3):
        events.hint("LogisticsTask", "1")
        await settled()

    assert subscriber.told == ["SNAPSHOT accepted", "CHANGE accepted > pending_pickup"]
    assert subscriber.events[-1].source is StatusEventSource.WEBHOOK
    await subscriber.leave()


async def test_a_hint_forgets_the_cached_record_even_if_its_status_is_the_same(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    forgotten: list[RecordKey] = []

    async def forget(key: RecordKey) -> None:
        forgotten.append(key)

    events = await processes.start(MemoryEventLog(LogConfig(), time.now), forget=forget)
    upstream.tasks["1"] = "accepted"
    events.hint("LogisticsTask", "1")
    await settled()
    forgotten.clear()
    events.hint("LogisticsTask", "1")
    await settled()

    assert forgotten == [RecordKey("own", "LogisticsTask", "1")]


async def test_a_hint_reaches_other_accounts_that_follow_the_same_task(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    subscriber = Subscriber(events.follow(upstream.account("account:one"), ["LogisticsTask:1"], None))
    await settled()
    await time.advance(1)
    upstream.tasks["1"] = "pending_pickup"
    events.hint("LogisticsTask", "1")
    await settled()

    assert subscriber.told[1:] == ["CHANGE accepted > pending_pickup"]
    await subscriber.leave()


async def test_a_hint_that_cannot_be_checked_is_tried_again(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    upstream.tasks["1"] = "pending_pickup"
    upstream.down = True
    events.hint("LogisticsTask", "1")
    await settled()
    upstream.down = False
    await time.advance(2.5)

    assert subscriber.events[-1].source is StatusEventSource.WEBHOOK
    await subscriber.leave()
