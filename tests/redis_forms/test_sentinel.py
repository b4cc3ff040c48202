"""Redis with sentinels: the master dies, another takes over, and nothing that was acknowledged is lost unsaid."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.oauth.redis_store import RedisSessions
from gateway.operations.cost.budget import RedisBuckets
from resolvers.cache.records import RecordCache
from resolvers.events.log import LogConfig, Verdict
from resolvers.events.redis_log import RedisEventLog
from resolvers.redis_servers import RedisServers, following
from resolvers.upstreams.transport.stack import loop_clock
from tests.cache.notes import NOTE, Clock, Notes, Operation, Owner, process
from tests.events.test_log import KEY, Listener, seen
from tests.redis_forms.logged import Pair, breaks_in
from tests.redis_groups import COPIED_DIRECTLY, SentinelGroup, ask, sentinel_group, until
from tests.redis_server import RedisServer

RECOVERY_SECONDS = 12.0
"""Well above what a failover takes with `DOWN_MILLISECONDS`: about two seconds."""


@pytest.fixture
async def group(tmp_path: Path) -> AsyncIterator[SentinelGroup]:
    async with sentinel_group(tmp_path) as started:
        yield started


@pytest.fixture
async def pair(group: SentinelGroup) -> AsyncIterator[Pair]:
    started = Pair(group.url)
    yield started
    await started.close()


async def test_events_go_on_after_the_master_is_killed_in_the_middle_of_changes(
    group: SentinelGroup, pair: Pair
) -> None:
    subscribers = await pair.start()
    moving = asyncio.create_task(pair.move(6))
    await asyncio.sleep(1.5)
    before = len(pair.acknowledged)

    group.master.kill()
    recovery = await until(lambda: _grown(pair, before + 20), RECOVERY_SECONDS)
    await moving
    await pair.moves_are_told(subscribers)

    logging.getLogger(__name__).info("Events went on after %.1f s", recovery)
    assert before > 50
    assert [breaks_in(one.events) for one in subscribers] == [[], []]
    assert [one.problems for one in subscribers] == [[], []]


async def _grown(pair: Pair, count: int) -> bool:
    return len(pair.acknowledged) >= count


async def test_a_cursor_of_before_the_failover_goes_on_after_it(group: SentinelGroup, pair: Pair) -> None:
    subscribers = await pair.start()
    await pair.move(1)
    await pair.moves_are_told(subscribers)
    cursor, sent = subscribers[0].events[-1].cursor, list(subscribers[0].events)
    await subscribers[0].leave()
    # So that the replica has all of it.
    await asyncio.sleep(0.2)

    group.master.kill()
    await until(lambda: writable(group.url), RECOVERY_SECONDS)
    await pair.move(1)
    await pair.moves_are_told(subscribers[1:])
    resumed = pair.follow(0, cursor)
    await pair.moves_are_told([resumed])

    assert breaks_in([*sent, *resumed.events]) == []
    assert "GAP" not in [*resumed.told, *subscribers[1].told]


async def writable(url: str) -> bool:
    client = RedisServers(url).client(1.0)
    try:
        return bool(await client.set("gateway:written", b""))
    finally:
        await client.aclose()


class Switch:
    """Names the server that a test has chosen, in place of sentinels. Lifetime: one test."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server

    async def discover_master(self, name: str) -> tuple[str, int]:
        del name
        return "127.0.0.1", self.server.port

    async def aclose(self) -> None: ...

    def client(self) -> Redis:
        options: Mapping[str, Any] = {"socket_timeout": 5.0, "socket_connect_timeout": 5.0}
        return following("any", self, options)


@pytest.fixture
def replica(own_redis: RedisServer) -> Iterator[RedisServer]:
    """A replica of the test's own Redis."""
    server = RedisServer(*COPIED_DIRECTLY, "--replicaof", "127.0.0.1", str(own_redis.port))
    server.start()
    yield server
    server.kill()


@asynccontextmanager
async def process_at(switch: Switch) -> AsyncIterator[tuple[RedisEventLog, Listener]]:
    client, listener = switch.client(), Listener()
    log = RedisEventLog(client, "gateway:", LogConfig(), replicated=True)
    await log.start(listener)
    try:
        yield log, listener
    finally:
        await log.close()
        await client.aclose()


async def observed(log: RedisEventLog, *statuses: str) -> list[Verdict]:
    return [(await log.observe([seen(status, log.version)]))[0].verdict for status in statuses]


async def test_what_a_new_master_lacks_is_a_gap_for_those_who_had_it_and_for_nobody_else(
    own_redis: RedisServer, replica: RedisServer
) -> None:
    await until(lambda: replicates(replica))
    early, late = Switch(own_redis), Switch(own_redis)
    async with process_at(early) as (moved, at_moved), process_at(late) as (stayed, at_stayed):
        await observed(moved, "accepted", "broadcasting", "pending_pickup")
        await until(lambda: have(2, at_moved, at_stayed))
        await ask(own_redis, "WAIT", "1", "1000")
        epoch, reached = moved.epoch, moved.version
        # The new master has the first three. One process goes on with the old one, as if cut off together with it.
        await ask(replica, "REPLICAOF", "NO", "ONE")
        early.server = replica
        await moved._redis.connection_pool.disconnect()
        await observed(stayed, "lost", "lost as well")
        await until(lambda: have(4, at_stayed))
        lost = stayed.version
        await until(lambda: is_past(moved, epoch))
        verdicts = await observed(moved, "pickup_arriving", "pending_pickup", "broadcasting")
        late.server = replica
        own_redis.kill()
        await until(lambda: is_past(stayed, epoch))

        assert verdicts == [Verdict.CHANGED] * 3
        assert (at_moved.restarts, at_stayed.restarts) == (0, 1)
        kept = await stayed.history([KEY], reached, epoch)
        assert kept is not None
        assert [change.record.raw_status for change in kept] == ["pickup_arriving", "pending_pickup", "broadcasting"]
        assert await stayed.history([KEY], lost, epoch) is None
        assert lost <= stayed.version


async def replicates(replica: RedisServer) -> bool:
    async with Redis.from_url(replica.url) as redis:
        return str((await redis.info("replication"))["master_link_status"]) == "up"


async def have(count: int, *listeners: Listener) -> bool:
    return all(len(one.changes) >= count for one in listeners)


async def is_past(log: RedisEventLog, epoch: str) -> bool:
    return log.epoch != epoch


async def test_cache_budgets_and_sessions_go_on_after_a_failover(group: SentinelGroup) -> None:
    notes, clock = Notes(), Clock()
    notes.write("ann", "1", "old", final=True)
    servers = RedisServers(group.url)
    buckets_at, sessions_at = servers.client(0.5), servers.client(2.0)
    buckets = RedisBuckets(buckets_at, "gateway:", loop_clock)
    sessions = RedisSessions(sessions_at, "gateway:oauth:", time.time, replicated=True)
    ann = Owner("ann", notes)
    async with process(group.url, "gateway:", clock) as one, process(group.url, "gateway:", clock) as other:
        await Operation(one, ann).load("1")
        await buckets.take("ann", 60, 100)
        await sessions.keep_tokens("own", b"sealed")
        notes.write("ann", "1", "new", final=True)
        await one.forget("ann", NOTE, ["1"])

        group.master.kill()
        during = [await Operation(cache, ann).load("1") for cache in (one, other)]
        await until(lambda: writable(group.url), RECOVERY_SECONDS)
        await until(lambda: shares(one, other), RECOVERY_SECONDS)
        after = [await Operation(cache, ann).load("1") for cache in (other, one)]
        await asyncio.sleep(1)
        level = await buckets.take("ann", 60, 100)
        tokens = await sessions.tokens("own")
    await buckets_at.aclose()
    await sessions.close()

    assert [note.text for note in (*during, *after) if note] == ["new"] * 4
    assert not level.granted
    assert tokens == b"sealed"


async def shares(*caches: RecordCache) -> bool:
    return all(cache.shared is not None and cache.shared.link.available for cache in caches)
