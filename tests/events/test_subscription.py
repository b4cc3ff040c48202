from collections.abc import Awaitable, Callable, Sequence

import pytest

from resolvers.accounts import read_scope
from resolvers.errors import BadInput
from resolvers.events.changes import Change, RecordKey
from resolvers.events.interface import StatusEventKind, StatusEventSource
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import Events
from resolvers.upstreams.names import Progress, UpstreamName
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime, settled


async def test_each_id_first_gets_a_snapshot_and_then_every_change_until_it_is_final(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    upstream.tasks["1"] = "pending_pickup"
    await time.advance(3)
    upstream.tasks["1"] = "complete"
    await time.advance(3)

    assert subscriber.told == [
        "SNAPSHOT accepted",
        "CHANGE accepted > pending_pickup",
        "CHANGE pending_pickup > complete",
    ]
    last = subscriber.events[-1]
    assert (last.progress, last.previous_progress) == (Progress.SUCCEEDED, Progress.IN_PROGRESS)
    assert last.source is StatusEventSource.POLL
    assert subscriber.ended


async def test_ids_that_cannot_be_followed_are_problems_of_their_own(events: Events, upstream: Upstream) -> None:
    upstream.tasks["1"] = "complete"
    account = upstream.account().limited_to(frozenset({read_scope(UpstreamName.LOGISTICS)}))
    wrong = ["nonsense", "Product:1", "Delivery:abc", "LogisticsTask:not a uuid!!"]
    ids = [*wrong, "SmsJob:J", "LogisticsTask:missing", "LogisticsTask:1", "LogisticsTask:1"]

    subscriber = Subscriber(events.follow(account, ids, None))
    await settled()

    assert sorted(subscriber.told) == [
        "BAD_INPUT Delivery:abc",
        "BAD_INPUT LogisticsTask:not a uuid!!",
        "BAD_INPUT Product:1",
        "BAD_INPUT nonsense",
        "FORBIDDEN SmsJob:J",
        "NOT_FOUND LogisticsTask:missing",
        "SNAPSHOT complete",
    ]
    assert subscriber.ended


async def test_an_upstream_that_is_down_is_told_once_and_the_snapshot_follows_when_it_is_back(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"], upstream.deliveries["7"] = "accepted", "waiting"
    upstream.down = True
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await time.advance(30)
    upstream.down = False
    await time.advance(60)

    assert subscriber.told == ["UPSTREAM_UNAVAILABLE LogisticsTask:1", "SNAPSHOT accepted"]
    await subscriber.leave()


@pytest.mark.parametrize("noticed_by", ["poll", "webhook"])
async def test_a_record_that_vanishes_is_not_found_from_then_on_and_not_polled_any_more(
    events: Events, upstream: Upstream, time: VirtualTime, noticed_by: str
) -> None:
    upstream.tasks |= {"1": "accepted", "2": "accepted"}
    both = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1", "LogisticsTask:2"], None))
    alone = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    del upstream.tasks["1"]
    if noticed_by == "webhook":
        events.hint("LogisticsTask", "1")
        await settled()
    else:
        await time.advance(3)
    upstream.tasks["2"] = "complete"
    await time.advance(60)
    asked = upstream.calls["platform_task_detail"]
    await time.advance(600)

    assert alone.told == ["SNAPSHOT accepted", "NOT_FOUND LogisticsTask:1"]
    assert both.told[2:] == ["NOT_FOUND LogisticsTask:1", "CHANGE accepted > complete"]
    assert alone.ended
    assert both.ended
    assert upstream.calls["platform_task_detail"] == asked


async def test_a_record_that_is_there_again_when_it_is_looked_for_once_more_is_followed_on(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    subscriber = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    upstream.lost_once.add("1")
    await time.advance(3)
    upstream.tasks["1"] = "complete"
    await time.advance(60)

    assert subscriber.told == ["SNAPSHOT accepted", "CHANGE accepted > complete"]
    assert not upstream.lost_once


async def test_a_change_while_the_snapshot_is_being_read_is_in_the_snapshot_or_follows_it(
    events: Events, upstream: Upstream
) -> None:
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    upstream.tasks["1"] = "pending_pickup"
    events.hint("LogisticsTask", "1")
    second = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()

    assert first.told == ["SNAPSHOT accepted", "CHANGE accepted > pending_pickup"]
    assert second.told in (
        ["SNAPSHOT pending_pickup"],
        ["SNAPSHOT accepted", "CHANGE accepted > pending_pickup"],
    )
    await first.leave()
    await second.leave()


async def test_a_cursor_goes_on_behind_its_event_without_a_new_snapshot(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    other = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()
    for status in ("pending_pickup", "pickup_arriving"):
        upstream.tasks["1"] = status
        await time.advance(3)

    resumed = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], first.events[-1].cursor))
    await settled()
    upstream.tasks["1"] = "complete"
    await time.advance(3)

    assert (
        resumed.told
        == other.told[1:]
        == [
            "CHANGE accepted > pending_pickup",
            "CHANGE pending_pickup > pickup_arriving",
            "CHANGE pickup_arriving > complete",
        ]
    )
    assert resumed.ended


@pytest.mark.parametrize("told", [0, 1, 2])
async def test_every_cursor_resumes_with_all_that_came_after_it(
    events: Events, upstream: Upstream, time: VirtualTime, told: int
) -> None:
    ids = ["LogisticsTask:1", "Delivery:7"]
    upstream.tasks["1"], upstream.deliveries["7"] = "accepted", "waiting"
    first = Subscriber(events.follow(upstream.account(), ids, None))
    await settled()
    upstream.tasks["1"] = "complete"
    await time.advance(3)
    upstream.deliveries["7"] = "completed"
    await time.advance(10)
    assert len(first.told) == 4

    resumed = Subscriber(events.follow(upstream.account(), ids, first.events[told].cursor))
    await settled()

    if told:
        assert resumed.told == first.told[told + 1 :]
    else:
        assert sorted(resumed.told) == ["CHANGE accepted > complete", "SNAPSHOT completed"]
    assert resumed.ended


async def test_a_resumed_subscription_learns_of_what_nobody_looked_at_meanwhile(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()
    await time.advance(100)
    upstream.tasks["1"] = "complete"

    resumed = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], first.events[-1].cursor))
    await settled()

    assert resumed.told == ["CHANGE accepted > complete"]
    assert resumed.ended


class LogThatTakesItsTime(MemoryEventLog):
    """Lets a test do something between the question for what was missed and its answer."""

    meanwhile: Callable[[], Awaitable[None]] = staticmethod(settled)

    async def history(self, keys: Sequence[RecordKey], after: int, epoch: str) -> list[Change] | None:
        await self.meanwhile()
        return await super().history(keys, after, epoch)


async def test_a_change_that_comes_while_what_was_missed_is_read_is_told_once(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    log = LogThatTakesItsTime(LogConfig(), time.now)
    events = await processes.start(log)
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()

    async def change() -> None:
        upstream.tasks["1"] = "pending_pickup"
        events.hint("LogisticsTask", "1")
        await settled()

    log.meanwhile = change
    resumed = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], first.events[-1].cursor))
    await time.advance(3)

    assert resumed.told == ["CHANGE accepted > pending_pickup"]
    await resumed.leave()


async def test_ids_new_to_the_cursor_get_a_snapshot(events: Events, upstream: Upstream) -> None:
    upstream.tasks |= {"1": "accepted", "2": "broadcasting"}
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()

    ids = ["LogisticsTask:1", "LogisticsTask:2"]
    resumed = Subscriber(events.follow(upstream.account(), ids, first.events[-1].cursor))
    await settled()

    assert resumed.told == ["SNAPSHOT broadcasting"]
    await resumed.leave()


@pytest.mark.parametrize(
    ("before", "kept", "after"), [("", 0, "bm9uc2Vuc2U"), ("", -2, ""), ("ä", None, ""), ("A", None, "")]
)
async def test_a_cursor_that_was_never_made_is_bad_input(
    events: Events, upstream: Upstream, before: str, kept: int | None, after: str
) -> None:
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()

    made_up = before + first.events[0].cursor[:kept] + after
    with pytest.raises(BadInput):
        events.follow(upstream.account(), ["LogisticsTask:1"], made_up)


async def test_a_cursor_of_another_account_is_refused_like_one_that_was_made_up(
    events: Events, upstream: Upstream
) -> None:
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account("account:one"), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()

    with pytest.raises(BadInput):
        events.follow(upstream.account("account:two"), ["LogisticsTask:1"], first.events[0].cursor)


async def test_accounts_do_not_hear_of_each_others_changes(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    theirs = Upstream(time.now)
    upstream.tasks["1"] = theirs.tasks["1"] = "accepted"
    one = Subscriber(events.follow(upstream.account("account:one"), ["LogisticsTask:1"], None))
    two = Subscriber(events.follow(theirs.account("account:two"), ["LogisticsTask:1"], None))
    await settled()
    theirs.tasks["1"] = "complete"
    await time.advance(60)

    assert one.told == ["SNAPSHOT accepted"]
    assert two.told == ["SNAPSHOT accepted", "CHANGE accepted > complete"]
    await one.leave()


async def test_a_cursor_older_than_the_log_gets_a_gap_and_new_snapshots(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    events = await processes.start(MemoryEventLog(LogConfig(keep_seconds=100), time.now))
    upstream.tasks["1"] = "accepted"
    first = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    other = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()
    upstream.tasks["1"] = "pending_pickup"
    await time.advance(200)

    resumed = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], first.events[-1].cursor))
    await settled()

    assert resumed.told == ["GAP", "SNAPSHOT pending_pickup"]
    assert resumed.events[0].node is None
    await resumed.leave()
    await other.leave()


async def test_a_cursor_from_before_a_restart_gets_a_gap(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    before = await processes.start(MemoryEventLog(LogConfig(), time.now))
    first = Subscriber(before.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()

    after = await processes.start(MemoryEventLog(LogConfig(), time.now))
    resumed = Subscriber(after.follow(upstream.account(), ["LogisticsTask:1"], first.events[-1].cursor))
    await settled()

    assert [event.kind for event in resumed.events] == [StatusEventKind.GAP, StatusEventKind.SNAPSHOT]
    await resumed.leave()


async def test_a_cursor_of_a_gap_brings_the_snapshots_that_are_still_owed(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    upstream.tasks["1"] = "accepted"
    before = await processes.start(MemoryEventLog(LogConfig(), time.now))
    first = Subscriber(before.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    await first.leave()
    after = await processes.start(MemoryEventLog(LogConfig(), time.now))
    resumed = Subscriber(after.follow(upstream.account(), ["LogisticsTask:1"], first.events[-1].cursor))
    await settled()
    await resumed.leave()

    again = Subscriber(after.follow(upstream.account(), ["LogisticsTask:1"], resumed.events[0].cursor))
    await settled()

    assert again.told == ["SNAPSHOT accepted"]
    await again.leave()
