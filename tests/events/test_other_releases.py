"""Entries of the log that another release of the gateway wrote in another form, as during a rolling deployment."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from resolvers.events.changes import Observation, RecordKey
from resolvers.events.interface import StatusEventSource
from resolvers.events.log import LogConfig
from resolvers.events.redis_log import RedisEventLog
from resolvers.upstreams.logistics.task_records import LogisticsTask
from tests.events.test_log import KEY, Listener
from tests.events.virtual_time import NOON

UNREADABLE: list[dict[Any, Any]] = [
    {"at": "1", "body": "another form"},
    {"at": "1", "content": b"\xff", "raw": "", "progress": ""},
    {"at": "1", "content": b"", "raw": "", "progress": "HALFWAY"},
]


class Hearing(Listener):
    """Keeps the hints as well; lives one test."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: list[tuple[str, str]] = []

    def hinted(self, kind: str, local_id: str) -> None:
        self.hints.append((kind, local_id))

    def missed(self, key: RecordKey) -> None:
        self.hints.append((key.kind, key.local_id))


async def write(redis: Redis, prefix: str, entry: dict[Any, Any]) -> int:
    """Append an entry as a script of another release would."""
    position: int = await redis.hincrby(f"{prefix}events:meta", "version", 1)
    await redis.hset(f"{prefix}events:meta", "last", str(position))
    await redis.xadd(f"{prefix}events:stream", entry, id=f"{position}-0")
    await redis.zadd(f"{prefix}events:positions:own|{KEY.global_id}", {str(position): position})
    return position


def observed(log: RedisEventLog, status: str) -> Observation:
    return Observation(KEY, LogisticsTask(task_id="1", raw_status=status), StatusEventSource.WEBHOOK, log.version, NOON)


@pytest.mark.parametrize("entry", UNREADABLE)
async def test_a_change_that_cannot_be_read_is_a_gap_and_those_after_it_are_told(
    redis: Redis, redis_prefix: str, entry: dict[Any, Any]
) -> None:
    log, listener = RedisEventLog(redis, redis_prefix, LogConfig()), Hearing()
    start = await log.start(listener)
    position = await write(redis, redis_prefix, entry)
    async with asyncio.timeout(5):
        while listener.restarts == 0:  # noqa: ASYNC110 - it comes with the socket
            await asyncio.sleep(0.01)
        assert listener.position == position
        await log.observe([observed(log, "accepted")])
        while not listener.changes:  # noqa: ASYNC110 - it comes with the socket
            await asyncio.sleep(0.01)

    assert [change.record.raw_status for change in listener.changes] == ["accepted"]
    assert listener.restarts == 1
    assert await log.history([KEY], start, log.epoch) is None
    await log.close()


async def test_a_hint_that_cannot_be_read_is_left_aside(redis: Redis, redis_prefix: str) -> None:
    log, listener = RedisEventLog(redis, redis_prefix, LogConfig()), Hearing()
    await log.start(listener)
    await redis.xadd(f"{redis_prefix}events:hints", {"about": b"\xff"})
    await redis.xadd(f"{redis_prefix}events:hints", {"kind": "Delivery"})
    await log.hint("Delivery", "7")
    async with asyncio.timeout(5):
        while not listener.hints:  # noqa: ASYNC110 - it comes with the socket
            await asyncio.sleep(0.01)

    assert listener.hints == [("Delivery", "7")]
    await log.close()
