from resolvers.events.broker import Backlog
from resolvers.events.changes import Change, RecordKey
from resolvers.events.interface import StatusEventKind, StatusEventSource
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.upstreams.logistics.task_records import LogisticsTask
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber, in_short
from tests.events.upstream import Upstream
from tests.events.virtual_time import NOON, VirtualTime, settled


def change(position: int, task_id: str, status: str, previous: str) -> Change:
    task = LogisticsTask(task_id=task_id, raw_status=status)
    key = RecordKey("own", "LogisticsTask", task_id)
    return Change(position, key, task, StatusEventSource.POLL, NOON, previous, task.progress)


def in_brief(changes: list[Change]) -> list[tuple[int, str, str | None, str]]:
    return [(one.position, one.key.local_id, one.previous_raw_status, one.record.raw_status) for one in changes]


def test_within_its_size_every_change_waits_as_it_came() -> None:
    backlog = Backlog(3)
    for position, status in enumerate(("b", "c", "d"), start=1):
        backlog.offer(change(position, "1", status, "a"))

    assert [one.position for one in backlog.take()] == [1, 2, 3]
    assert backlog.take() == []


def test_beyond_its_size_changes_of_one_record_are_folded_into_the_latest() -> None:
    backlog = Backlog(3)
    for position, task_id, status, previous in (
        (1, "1", "b", "a"),
        (2, "2", "y", "x"),
        (3, "1", "c", "b"),
        (4, "1", "d", "c"),
        (5, "2", "z", "y"),
    ):
        backlog.offer(change(position, task_id, status, previous))

    assert in_brief(backlog.take()) == [(4, "1", "a", "d"), (5, "2", "x", "z")]
    assert not backlog.gap


def test_where_folding_is_not_enough_all_is_dropped_and_said_to_be_lost() -> None:
    backlog = Backlog(2)
    for position in range(1, 100):
        backlog.offer(change(position, str(position), "b", "a"))

    assert backlog.gap
    assert len(backlog) == 0
    assert backlog.take() == []


async def test_a_subscriber_who_does_not_read_delays_nobody_and_gets_folded_changes(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    events = await processes.start(MemoryEventLog(LogConfig(), time.now), queue_size=2)
    upstream.tasks["1"] = "broadcasting"
    slow = events.follow(upstream.account(), ["LogisticsTask:1"], None)
    first = await anext(slow)
    quick = Subscriber(events.follow(upstream.account(), ["LogisticsTask:1"], None))
    await settled()
    for status in ("accepted", "pending_pickup", "pickup_arriving", "pending_delivery", "complete"):
        upstream.tasks["1"] = status
        events.hint("LogisticsTask", "1")
        await settled()

    assert len(quick.told) == 6
    assert [in_short(first)] + [in_short(each) async for each in slow] == [
        "SNAPSHOT broadcasting",
        "CHANGE broadcasting > complete",
    ]


async def test_a_subscriber_who_reads_too_late_for_folding_gets_a_gap_and_new_snapshots(
    processes: Processes, upstream: Upstream, time: VirtualTime
) -> None:
    events = await processes.start(MemoryEventLog(LogConfig(), time.now), queue_size=2)
    upstream.tasks |= dict.fromkeys(("1", "2", "3"), "accepted")
    ids = [f"LogisticsTask:{task_id}" for task_id in upstream.tasks]
    slow = events.follow(upstream.account(), ids, None)
    told = [await anext(slow) for _ in ids]
    for task_id in upstream.tasks:
        upstream.tasks[task_id] = "complete"
        events.hint("LogisticsTask", task_id)
    await settled()

    told += [each async for each in slow]

    assert [in_short(each) for each in told[3:]] == ["GAP"] + ["SNAPSHOT complete"] * 3
    assert StatusEventKind.GAP.value == "GAP"
