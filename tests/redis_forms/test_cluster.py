"""Redis as a cluster: a master dies, a slot moves to another node, and events, cache and budgets go on."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.commands.redis_probe import RedisProbe, RedisUnfit
from gateway.oauth.redis_store import RedisSessions
from gateway.operations.cost.budget import RedisBuckets
from gateway.operations.documents.persisted import SharedDocuments
from resolvers.redis_servers import RedisServers
from resolvers.upstreams.transport.stack import loop_clock
from tests.cache.notes import NOTE, Clock, Notes, Operation, Owner, process
from tests.redis_forms.logged import Pair, breaks_in
from tests.redis_groups import RedisCluster, redis_cluster, until
from tests.redis_server import RedisServer

PREFIX = "gateway:"
RECOVERY_SECONDS = 20.0
"""Well above what clients take to find the node that has a slot now."""


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[RedisCluster]:
    async with redis_cluster(tmp_path) as started:
        yield started


@pytest.fixture
async def pair(cluster: RedisCluster) -> AsyncIterator[Pair]:
    started = Pair(cluster.url)
    yield started
    await started.close()


async def grown(pair: Pair, count: int) -> bool:
    return len(pair.acknowledged) >= count


async def test_events_go_on_after_the_node_of_the_log_is_killed(cluster: RedisCluster, pair: Pair) -> None:
    subscribers = await pair.start()
    moving = asyncio.create_task(pair.move(6))
    await asyncio.sleep(1.5)
    before = len(pair.acknowledged)

    await cluster.fail_over(await cluster.owner(RedisServers(cluster.url).together(PREFIX, "log")))
    recovery = await until(lambda: grown(pair, before + 20), RECOVERY_SECONDS)
    await moving
    await pair.moves_are_told(subscribers)

    logging.getLogger(__name__).info("Events went on after %.1f s", recovery)
    assert before > 50
    assert [breaks_in(one.events) for one in subscribers] == [[], []]


async def test_events_go_on_while_the_slot_of_the_log_moves_to_another_node(cluster: RedisCluster, pair: Pair) -> None:
    subscribers = await pair.start()
    moving = asyncio.create_task(pair.move(5))
    await asyncio.sleep(1)
    key = RedisServers(cluster.url).together(PREFIX, "log")
    source = await cluster.owner(key)

    await cluster.move_slot(key, next(one for one in cluster.masters if one is not source))
    before = len(pair.acknowledged)
    await until(lambda: grown(pair, before + 20), RECOVERY_SECONDS)
    await moving
    await pair.moves_are_told(subscribers)

    assert [breaks_in(one.events) for one in subscribers] == [[], []]
    assert "GAP" not in [*subscribers[0].told, *subscribers[1].told]


async def test_cache_and_invalidations_are_shared_and_go_on_after_a_node_is_killed(cluster: RedisCluster) -> None:
    notes, clock = Notes(), Clock()
    owners = [Owner(name, notes) for name in ("ann", "bob", "cora", "dan")]
    for owner in owners:
        notes.write(owner.identity, "1", "old", final=True)
    async with process(cluster.url, PREFIX, clock) as one, process(cluster.url, PREFIX, clock) as other:
        for owner in owners:
            await Operation(one, owner).load("1")
            await Operation(other, owner).load("1")
        fetched = len(notes.fetched)
        for owner in owners:
            notes.write(owner.identity, "1", "new", final=True)
            await one.forget(owner.identity, NOTE, ["1"])
        changed = [await Operation(other, owner).load("1") for owner in owners]
        unacknowledged = one.counts.unacknowledged

        failing_over = asyncio.create_task(cluster.fail_over(cluster.masters[0]))
        await until(lambda: is_killed(cluster.masters[0]))
        during = [await Operation(cache, owner).load("1") for cache in (one, other) for owner in owners]
        await failing_over
        await until(lambda: shared_again(cluster.url), RECOVERY_SECONDS)
        after = [await Operation(cache, owner).load("1") for cache in (one, other) for owner in owners]

    assert fetched == len(owners)
    assert unacknowledged == 0
    assert [note.text for note in (*changed, *during, *after) if note] == ["new"] * 20


async def is_killed(node: RedisServer) -> bool:
    return not node.running


async def shared_again(url: str) -> bool:
    """Whether every slot takes writes."""
    client = RedisServers(url).spread(1.0)
    try:
        return all([await client.set(f"{PREFIX}written:{number}", b"") for number in range(50)])
    finally:
        await client.aclose()


async def test_budgets_documents_and_sessions_are_shared(cluster: RedisCluster) -> None:
    servers = RedisServers(cluster.url)
    prefix = servers.together(PREFIX, "oauth")
    clients = [servers.spread(2.0) for _ in range(2)]
    sessions = [RedisSessions(servers.client(2.0, prefix), prefix, lambda: 0.0, replicated=True) for _ in range(2)]
    try:
        one, other = (RedisBuckets(client, PREFIX, loop_clock) for client in clients)
        taken = [await one.take(f"caller {number}", 60, 100) for number in range(10)]
        again = [await other.take(f"caller {number}", 60, 100) for number in range(10)]
        await SharedDocuments(clients[0], PREFIX).put("digest", "{ a }")
        await sessions[0].keep_tokens("own", b"sealed")
        async with sessions[0].locked("own", 5):
            tokens = await sessions[1].tokens("own")

        assert [level.granted for level in (*taken, *again)] == [True] * 10 + [False] * 10
        assert await SharedDocuments(clients[1], PREFIX).get("digest") == "{ a }"
        assert tokens == b"sealed"
    finally:
        for client in clients:
            await client.aclose()
        for store in sessions:
            await store.close()


async def test_the_check_takes_a_cluster_and_names_one_without_some_slots(cluster: RedisCluster) -> None:
    await RedisProbe(cluster.url, PREFIX).run()

    for node in (cluster.masters[2], cluster.replica_of(cluster.masters[2])):
        node.kill()

    noticed: list[str] = []

    async def is_noticed() -> bool:
        try:
            await RedisProbe(cluster.url, PREFIX).run()
        except RedisUnfit as unfit:
            noticed.append(str(unfit))
        return any("slots" in one for one in noticed)

    await until(is_noticed, RECOVERY_SECONDS)

    assert "slots" in noticed[-1]
