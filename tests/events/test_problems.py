"""Ids that cannot be followed are told once: whoever resumes with the cursor of that event is not told again."""

import pytest

from resolvers.accounts import Account, read_scope
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import MAX_FOLLOWED, Events
from resolvers.upstreams.names import UpstreamName
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime, settled

TASKS_ONLY = frozenset({read_scope(UpstreamName.LOGISTICS)})


async def told(events: Events, account: Account, ids: list[str], after: str | None = None) -> Subscriber:
    """A subscriber that has been told what there is to be told now, and has left."""
    subscriber = Subscriber(events.follow(account, ids, after))
    await settled()
    await subscriber.leave()
    return subscriber


async def test_a_resumed_subscription_is_not_told_again_what_is_gone(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks |= {"1": "accepted", "2": "accepted"}
    ids = ["LogisticsTask:1", "LogisticsTask:2"]
    first = Subscriber(events.follow(upstream.account(), ids, None))
    await settled()
    del upstream.tasks["1"]
    await time.advance(3)
    await first.leave()
    upstream.tasks["2"] = "pending_pickup"
    await time.advance(10)

    resumed = await told(events, upstream.account(), ids, first.problems[0].cursor)

    assert first.told[2:] == ["NOT_FOUND LogisticsTask:1"]
    assert resumed.told == ["CHANGE accepted > pending_pickup"]


async def test_later_cursors_still_know_what_is_gone(events: Events, upstream: Upstream, time: VirtualTime) -> None:
    upstream.tasks["1"] = "accepted"
    ids = ["nonsense", "LogisticsTask:none", "LogisticsTask:1"]
    first = Subscriber(events.follow(upstream.account(), ids, None))
    await settled()
    upstream.tasks["1"] = "pending_pickup"
    await time.advance(3)
    await first.leave()

    resumed = Subscriber(events.follow(upstream.account(), ids, first.events[-1].cursor))
    await settled()
    upstream.tasks["1"] = "complete"
    await time.advance(3)
    once_more = await told(events, upstream.account(), ids, resumed.events[-1].cursor)

    assert sorted(first.told[:2]) == ["BAD_INPUT nonsense", "NOT_FOUND LogisticsTask:none"]
    assert resumed.told == ["CHANGE pending_pickup > complete"]
    assert once_more.told == []
    assert once_more.ended


@pytest.mark.parametrize(
    ("one", "code"), [("nonsense", "BAD_INPUT"), ("Product:1", "BAD_INPUT"), ("LogisticsTask:none", "NOT_FOUND")]
)
async def test_where_nothing_else_is_followed_the_resumed_subscription_ends_at_once(
    events: Events, upstream: Upstream, one: str, code: str
) -> None:
    first = await told(events, upstream.account(), [one])

    resumed = await told(events, upstream.account(), [one], first.problems[0].cursor)

    assert first.told == [f"{code} {one}"]
    assert resumed.told == []
    assert resumed.ended


async def test_without_the_cursor_what_was_gone_is_looked_for_again(events: Events, upstream: Upstream) -> None:
    first = await told(events, upstream.account(), ["LogisticsTask:1"])
    upstream.tasks["1"] = "accepted"

    assert first.told == ["NOT_FOUND LogisticsTask:1"]
    assert (await told(events, upstream.account(), ["LogisticsTask:1"])).told == ["SNAPSHOT accepted"]


async def test_what_a_caller_may_see_by_now_is_followed(events: Events, upstream: Upstream) -> None:
    upstream.deliveries["7"], upstream.tasks["1"] = "waiting", "accepted"
    ids = ["Delivery:7", "LogisticsTask:1"]
    first = await told(events, upstream.account().limited_to(TASKS_ONLY), ids)

    still_limited = await told(events, upstream.account().limited_to(TASKS_ONLY), ids, first.events[0].cursor)
    by_now_allowed = await told(events, upstream.account(), ids, first.events[0].cursor)

    assert first.told == ["FORBIDDEN Delivery:7", "SNAPSHOT accepted"]
    assert still_limited.told == []
    assert by_now_allowed.told == ["SNAPSHOT waiting"]


async def test_an_upstream_that_is_still_down_is_told_once_and_its_snapshot_is_owed(
    events: Events, upstream: Upstream
) -> None:
    upstream.tasks["1"] = "accepted"
    upstream.down = True
    first = await told(events, upstream.account(), ["LogisticsTask:1"])
    down = await told(events, upstream.account(), ["LogisticsTask:1"], first.problems[0].cursor)
    upstream.down = False

    up = await told(events, upstream.account(), ["LogisticsTask:1"], first.problems[0].cursor)

    assert first.told == ["UPSTREAM_UNAVAILABLE LogisticsTask:1"]
    assert down.told == []
    assert not down.ended
    assert up.told == ["SNAPSHOT accepted"]


async def test_a_problem_that_the_snapshot_ended_is_told_when_it_comes_back(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    upstream.down = True
    before = await processes.start(MemoryEventLog(LogConfig(), time.now))
    first = Subscriber(before.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    upstream.down = False
    await time.advance(3)
    await first.leave()
    upstream.down = True
    after = await processes.start(MemoryEventLog(LogConfig(), time.now))

    resumed = await told(after, upstream.account(), ["LogisticsTask:1"], first.events[-1].cursor)

    assert first.told == ["UPSTREAM_UNAVAILABLE LogisticsTask:1", "SNAPSHOT accepted"]
    assert resumed.told == ["GAP", "UPSTREAM_UNAVAILABLE LogisticsTask:1"]


async def test_a_subscription_to_an_upstream_that_is_not_configured_ends_after_saying_so(
    events: Events, upstream: Upstream
) -> None:
    ids = ["Delivery:7", "SmsJob:1", "Recipient:1/2"]
    without = Account("own", {UpstreamName.LOGISTICS: upstream.account().logistics})
    first = await told(events, without, ids)
    resumed = await told(events, without, ids, first.problems[-1].cursor)
    upstream.deliveries["7"] = "waiting"
    by_now_configured = await told(events, upstream.account(), ids[:1], first.problems[-1].cursor)

    assert sorted(first.told) == sorted(f"UPSTREAM_UNCONFIGURED {one}" for one in ids)
    assert first.ended
    assert resumed.told == []
    assert resumed.ended
    assert by_now_configured.told == ["SNAPSHOT waiting"]


async def test_beside_an_upstream_that_is_not_configured_the_others_are_followed(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    without = Account("own", {UpstreamName.LOGISTICS: upstream.account().logistics})
    subscriber = Subscriber(events.follow(without, ["Delivery:7", "LogisticsTask:1"], None))
    await settled()
    upstream.tasks["1"] = "complete"
    await time.advance(3)

    assert subscriber.told == [
        "UPSTREAM_UNCONFIGURED Delivery:7",
        "SNAPSHOT accepted",
        "CHANGE accepted > complete",
    ]
    assert subscriber.ended
    assert upstream.calls.keys() == {"platform_task_detail"}


async def test_a_problem_that_is_told_first_moves_no_place_on(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    first = await told(events, upstream.account(), ["LogisticsTask:1"])
    watching = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    upstream.tasks["1"] = "pending_pickup"
    await time.advance(3)
    await watching.leave()
    ids = ["nonsense", "LogisticsTask:1"]

    resumed = await told(events, upstream.account(), ids, first.events[0].cursor)
    again = await told(events, upstream.account(), ids, resumed.problems[0].cursor)

    assert resumed.told == ["BAD_INPUT nonsense", "CHANGE accepted > pending_pickup"]
    assert again.told == ["CHANGE accepted > pending_pickup"]


async def test_a_problem_that_is_told_before_a_gap_does_not_hide_it(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    before = await processes.start(MemoryEventLog(LogConfig(), time.now))
    first = await told(before, upstream.account(), ["LogisticsTask:1"])
    after = await processes.start(MemoryEventLog(LogConfig(), time.now))
    ids = ["nonsense", "LogisticsTask:1"]

    resumed = await told(after, upstream.account(), ids, first.events[0].cursor)
    again = await told(after, upstream.account(), ids, resumed.problems[0].cursor)
    once_more = await told(after, upstream.account(), ids, again.events[-1].cursor)

    assert resumed.told == ["BAD_INPUT nonsense", "GAP", "SNAPSHOT accepted"]
    assert again.told == ["GAP", "SNAPSHOT accepted"]
    assert once_more.told == []


async def test_what_is_gone_leaves_no_gap_to_be_told(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    before = await processes.start(MemoryEventLog(LogConfig(), time.now))
    first = await told(before, upstream.account(), ["LogisticsTask:1"])
    after = await processes.start(MemoryEventLog(LogConfig(), time.now))

    resumed = await told(after, upstream.account(), ["LogisticsTask:1"], first.problems[0].cursor)

    assert resumed.told == []
    assert resumed.ended


async def test_a_cursor_does_not_grow_by_ids_of_earlier_subscriptions(events: Events, upstream: Upstream) -> None:
    cursor, lengths = None, set()
    for number in range(5):
        ids = [f"LogisticsTask:none-{number}-{one}" for one in range(MAX_FOLLOWED)]
        subscriber = await told(events, upstream.account(), ids, cursor)
        cursor = subscriber.problems[-1].cursor
        lengths.add(len(cursor))

    assert len(lengths) == 1
    assert max(lengths) < 3_000


async def test_a_problem_that_a_snapshot_of_the_resumed_subscription_ended_is_told_when_it_comes_back(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    upstream.garbled.add("1")
    first = await told(events, upstream.account(), ["LogisticsTask:1"])
    resumed = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], first.problems[0].cursor))
    await settled()
    upstream.garbled.clear()
    await time.advance(61)
    upstream.garbled.add("1")
    await time.advance(61)

    assert resumed.told == ["SNAPSHOT accepted", "UPSTREAM_BAD_ANSWER LogisticsTask:1"]
    await resumed.leave()
