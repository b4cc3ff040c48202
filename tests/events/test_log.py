from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import TypeAlias

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from resolvers.events.changes import Change, Observation, RecordKey
from resolvers.events.interface import StatusEventSource
from resolvers.events.log import EventLog, LogConfig, MemoryEventLog, Verdict
from resolvers.events.redis_log import RedisEventLog
from resolvers.upstreams.logistics.task_records import LogisticsTask
from tests.events.virtual_time import NOON, VirtualTime

KEY = RecordKey("own", "LogisticsTask", "1")
OpenLog: TypeAlias = Callable[[LogConfig], EventLog]


class Listener:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.restarts = 0

    def receive(self, changes: Sequence[Change], position: int) -> None:
        self.changes += changes
        self.position = position

    def hinted(self, kind: str, local_id: str) -> None: ...

    def recheck(self, key: RecordKey) -> None: ...

    def restarted(self, position: int) -> None:
        self.position = position
        self.restarts += 1


@pytest.fixture(params=["memory", "redis"])
def open_log(request: pytest.FixtureRequest, time: VirtualTime, redis: Redis, redis_prefix: str) -> OpenLog:
    if request.param == "memory":
        return lambda config: MemoryEventLog(config, time.now)
    return lambda config: RedisEventLog(redis, redis_prefix, config)


@pytest.fixture
async def log(open_log: OpenLog) -> AsyncIterator[EventLog]:
    opened = open_log(LogConfig())
    await opened.start(Listener())
    yield opened
    await opened.close()


def seen(
    status: str,
    since: int,
    *,
    key: RecordKey = KEY,
    source: StatusEventSource = StatusEventSource.POLL,
    minute: int = 0,
) -> Observation:
    moment = (NOON + timedelta(minutes=minute)).isoformat() if minute else None
    task = LogisticsTask(task_id=key.local_id, raw_status=status, wire_updated_at=moment)
    return Observation(key, task, source, since, NOON)


async def verdicts(log: EventLog, *observations: Observation) -> list[Verdict]:
    return [outcome.verdict for outcome in await log.observe(observations)]


async def statuses(log: EventLog, key: RecordKey = KEY, after: int = 0) -> list[tuple[str | None, str]] | None:
    history = await log.history([key], after, log.epoch)
    if history is None:
        return None
    return [(change.previous_raw_status, change.record.raw_status) for change in history]


async def test_only_what_differs_from_the_last_known_state_is_a_change(log: EventLog) -> None:
    found = []
    for status in ("accepted", "accepted", "pending_pickup", "pending_pickup"):
        found += await verdicts(log, seen(status, log.version))

    assert found == [Verdict.KNOWN, Verdict.KNOWN, Verdict.CHANGED, Verdict.KNOWN]
    assert await statuses(log) == [("accepted", "pending_pickup")]


async def test_the_first_that_is_heard_of_a_record_is_a_change_only_by_a_webhook(log: EventLog) -> None:
    found = await verdicts(log, seen("accepted", log.version, source=StatusEventSource.WEBHOOK))

    assert found == [Verdict.CHANGED]
    assert await statuses(log) == [(None, "accepted")]


async def test_a_read_that_began_before_the_last_change_was_logged_is_to_be_repeated(log: EventLog) -> None:
    began = log.version
    await log.observe([seen("accepted", began)])
    first = await verdicts(log, seen("broadcasting", began))
    again = log.version
    second = await verdicts(log, seen("pending_pickup", again), seen("accepted", again))

    assert first == [Verdict.OUTRUN]
    assert second == [Verdict.CHANGED, Verdict.OUTRUN]


async def test_what_the_upstream_dates_before_the_last_state_is_late(log: EventLog) -> None:
    await log.observe([seen("pending_pickup", log.version, minute=2)])

    assert await verdicts(log, seen("accepted", log.version, minute=1)) == [Verdict.LATE]


async def test_a_final_state_is_left_only_for_one_that_the_upstream_dates_later(log: EventLog) -> None:
    await log.observe([seen("complete", log.version, minute=1)])

    undated = await verdicts(log, seen("accepted", log.version))
    later = await verdicts(log, seen("accepted", log.version, minute=2))

    assert (undated, later) == ([Verdict.LATE], [Verdict.CHANGED])


@pytest.mark.parametrize(("status", "minute"), [("accepted", 1), ("accepted", 0), ("pending_pickup", 2)])
async def test_a_late_state_that_is_confirmed_is_a_change(log: EventLog, status: str, minute: int) -> None:
    await log.observe([seen("complete", log.version, minute=2)])
    observation = seen(status, log.version, minute=minute)

    found = await verdicts(log, observation, replace(observation, confirmed=True))

    assert found == [Verdict.LATE, Verdict.CHANGED]
    assert await statuses(log) == [("complete", status)]


async def test_a_change_of_another_source_in_between_takes_the_confirmation_away(log: EventLog) -> None:
    await log.observe([seen("accepted", log.version, minute=2)])
    observation = seen("broadcasting", log.version, minute=1)
    first = await verdicts(log, observation, seen("pending_pickup", log.version, minute=3))

    confirmed = await verdicts(log, replace(observation, confirmed=True))

    assert first == [Verdict.LATE, Verdict.CHANGED]
    assert confirmed == [Verdict.OUTRUN]


async def test_a_change_comes_back_as_it_was_logged(log: EventLog) -> None:
    task = LogisticsTask(
        task_id="1",
        raw_status="complete",
        wire_price=123,
        currency="SGD",
        wire_items=[{"name": "Rope"}],
        epod={"a": [1]},
    )
    await log.observe([Observation(KEY, task, StatusEventSource.WEBHOOK, log.version, NOON)])

    history = await log.history([KEY], 0, log.epoch)

    assert history is not None
    (change,) = history
    assert (change.record, change.key, change.source) == (task, KEY, StatusEventSource.WEBHOOK)
    assert change.occurred_at == NOON


async def test_the_log_forgets_its_oldest_changes_and_says_so(open_log: OpenLog) -> None:
    log = open_log(LogConfig(max_events=3))
    await log.start(Listener())
    positions = []
    for status in ("draft", "accepted", "pending_pickup", "pickup_arriving", "pending_delivery", "complete"):
        (outcome,) = await log.observe([seen(status, log.version)])
        positions.append(outcome.position)

    assert await statuses(log, after=positions[1]) is None
    assert await statuses(log, after=positions[2]) == [
        ("pending_pickup", "pickup_arriving"),
        ("pickup_arriving", "pending_delivery"),
        ("pending_delivery", "complete"),
    ]
    assert await statuses(log, after=positions[-1] + 1) is None
    await log.close()


async def test_the_history_of_another_life_of_the_log_is_lost(log: EventLog) -> None:
    await log.observe([seen("accepted", log.version, source=StatusEventSource.WEBHOOK)])

    assert await log.history([KEY], 0, "another") is None


async def test_records_of_two_accounts_are_two(log: EventLog) -> None:
    other = KEY._replace(identity="account:other")
    await log.observe([seen("accepted", log.version), seen("broadcasting", log.version, key=other)])
    await log.observe([seen("complete", log.version)])

    assert await statuses(log) == [("accepted", "complete")]
    assert await statuses(log, other) == []


async def test_a_look_for_a_loss_that_an_observation_overtakes_finds_none_by_the_logs_own_version(
    redis: Redis, redis_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, listener = RedisEventLog(redis, redis_prefix, LogConfig()), Listener()
    await log.start(listener)
    begin = log._begin

    async def overtaken(keys: list[str], arguments: list[str]) -> object:
        answer = await begin(keys, arguments)
        await log.observe([seen("accepted", log.version)])
        return answer

    monkeypatch.setattr(log, "_begin", overtaken)

    await log._check_epoch(listener)
    await log.close()

    assert listener.restarts == 0
