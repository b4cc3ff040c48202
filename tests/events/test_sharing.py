"""Several gateway processes on one Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from resolvers.events.changes import RecordKey
from resolvers.events.coordination import LEASE_MILLISECONDS, RedisCoordination
from resolvers.events.log import LogConfig, LogUnreachable
from resolvers.events.poller import PollConfig
from resolvers.events.redis_log import RedisEventLog
from resolvers.events.service import Events
from resolvers.redis_servers import RedisServers
from tests.events.processes import Processes
from tests.events.subscriber import WAIT_SECONDS, Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import RealTime
from tests.redis_server import RedisServer

KEY = RecordKey("own", "LogisticsTask", "1")
OTHER = RecordKey("own", "LogisticsTask", "2")
ID = "LogisticsTask:1"
QUICK = PollConfig(min_seconds=0.02, max_seconds=0.1)
NEVER = PollConfig(min_seconds=3000, max_seconds=3000, tick_seconds=0.01)


class Shared:
    """Starts processes on one Redis; lives as long as a test."""

    def __init__(self, url: str, prefix: str, upstream: Upstream) -> None:
        servers = RedisServers(url)
        self._prefix = servers.together(prefix, "log")
        self._redis = servers.client(5.0, self._prefix)
        self._replicated = servers.replicated
        self._time = RealTime()
        self._processes = Processes(self._time, upstream)

    async def start(self, polls: PollConfig = NEVER) -> Events:
        log = RedisEventLog(self._redis, self._prefix, LogConfig(), replicated=self._replicated)
        return await self._processes.start(log, self.coordination(f"process {id(log)}"), polls=polls)

    def coordination(self, process: str) -> RedisCoordination:
        return RedisCoordination(self._redis, self._prefix, process, self._time.clock)

    async def lease_milliseconds(self) -> int:
        left: int = await self._redis.pttl(f"{self._prefix}events:lease:own")
        return left

    async def let_lease_end(self) -> None:
        await self._redis.delete(f"{self._prefix}events:lease:own")

    async def lease_taken(self, identity: str) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not await self._redis.exists(f"{self._prefix}events:lease:{identity}"):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0)

    async def forget_everything(self) -> None:
        await self._redis.flushall()

    async def close(self) -> None:
        await self._processes.close()
        await self._redis.aclose()


@pytest.fixture
def upstream() -> Upstream:
    return Upstream(RealTime().now)


@pytest.fixture
async def shared(redis_url: str, redis_prefix: str, upstream: Upstream) -> AsyncIterator[Shared]:
    started = Shared(redis_url, redis_prefix, upstream)
    yield started
    await started.close()


async def test_one_process_holds_the_lease_and_polls_what_all_of_them_follow(shared: Shared) -> None:
    one, two = shared.coordination("one"), shared.coordination("two")
    await one.share("own", [KEY])

    assert await two.share("own", [OTHER]) is None
    assert await one.share("own", [KEY]) == {KEY, OTHER}


async def test_a_lease_ends_soon_after_its_holder_and_another_takes_over(shared: Shared) -> None:
    one, two = shared.coordination("one"), shared.coordination("two")
    await one.share("own", [KEY])
    await two.share("own", [OTHER])
    left = await shared.lease_milliseconds()
    await shared.let_lease_end()

    assert 0 < left <= LEASE_MILLISECONDS
    assert await two.share("own", [OTHER]) == {KEY, OTHER}
    assert await one.share("own", [KEY]) is None


async def test_a_process_that_follows_nothing_any_more_gives_its_lease_up(shared: Shared) -> None:
    one, two = shared.coordination("one"), shared.coordination("two")
    await one.share("own", [KEY])
    await two.share("own", [OTHER])
    await one.release(["own"])

    assert await two.share("own", [OTHER]) == {OTHER}


async def test_accounts_left_while_redis_was_away_begin_anew_when_they_are_back(upstream: Upstream) -> None:
    server, elsewhere = RedisServer(), RecordKey("other", "LogisticsTask", "1")
    server.start()
    shared = Shared(server.url, "left:", upstream)
    one = shared.coordination("one")
    for key in (KEY, elsewhere):
        await one.share(key.identity, [key])
    server.kill()
    with pytest.raises(LogUnreachable):
        await one.release(["own", "other"])
    server.start()

    assert [await one.share(key.identity, [key]) for key in (KEY, elsewhere)] == [{KEY}, {elsewhere}]
    await shared.close()
    server.kill()


async def test_what_is_not_followed_any_more_is_not_polled(shared: Shared) -> None:
    one = shared.coordination("one")
    await one.share("own", [KEY, OTHER])

    assert await one.share("own", [OTHER]) == {OTHER}


async def test_a_change_that_one_process_learns_of_reaches_the_subscribers_of_all(
    shared: Shared, upstream: Upstream
) -> None:
    upstream.tasks["1"] = "accepted"
    one, two = await shared.start(), await shared.start()
    subscribers = [Subscriber(events.follow(upstream.account(), [ID], None)) for events in (one, two)]
    for subscriber in subscribers:
        await subscriber.until(1)
    upstream.tasks["1"] = "complete"
    one.hint("LogisticsTask", "1")
    two.hint("LogisticsTask", "1")
    for subscriber in subscribers:
        await subscriber.until(2)

    for subscriber in subscribers:
        assert subscriber.told == ["SNAPSHOT accepted", "CHANGE accepted > complete"]


async def test_a_cursor_of_one_process_goes_on_in_another(shared: Shared, upstream: Upstream) -> None:
    upstream.tasks["1"] = "accepted"
    one, two = await shared.start(), await shared.start()
    first = Subscriber(one.follow(upstream.account(), [ID], None))
    await first.until(1)
    for status in ("pending_pickup", "complete"):
        upstream.tasks["1"] = status
        two.hint("LogisticsTask", "1")
        await first.until(len(first.news) + 1)

    resumed = Subscriber(two.follow(upstream.account(), [ID], first.events[0].cursor))
    await resumed.until(2)

    assert resumed.told == first.told[1:] == ["CHANGE accepted > pending_pickup", "CHANGE pending_pickup > complete"]


async def test_polls_go_on_when_the_process_that_polled_is_gone(shared: Shared, upstream: Upstream) -> None:
    upstream.tasks["1"] = "accepted"
    one, two = await shared.start(QUICK), await shared.start(QUICK)
    leaving = Subscriber(one.follow(upstream.account(), [ID], None))
    await leaving.until(1)
    staying = Subscriber(two.follow(upstream.account(), [ID], None))
    await staying.until(1)
    await leaving.leave()
    await one.close()
    upstream.tasks["1"] = "complete"
    await staying.until(2)

    assert staying.told == ["SNAPSHOT accepted", "CHANGE accepted > complete"]


async def test_a_hint_reaches_the_process_that_polls_for_another_account(shared: Shared, upstream: Upstream) -> None:
    upstream.tasks["1"] = "accepted"
    one, two = await shared.start(NEVER), await shared.start(NEVER)
    subscriber = Subscriber(one.follow(upstream.account("account:one"), [ID], None))
    await subscriber.until(1)
    await shared.lease_taken("account:one")
    upstream.tasks["1"] = "complete"
    two.hint("LogisticsTask", "1")
    await subscriber.until(2)

    assert subscriber.told[1:] == ["CHANGE accepted > complete"]


async def test_a_record_that_vanishes_is_told_to_the_subscribers_of_all_processes(
    shared: Shared, upstream: Upstream
) -> None:
    upstream.tasks["1"] = "accepted"
    events = [await shared.start(QUICK), await shared.start(QUICK)]
    subscribers = [Subscriber(one.follow(upstream.account(), [ID], None)) for one in events]
    for subscriber in subscribers:
        await subscriber.until(1)
    del upstream.tasks["1"]
    for subscriber in subscribers:
        await subscriber.until(2)

    assert [subscriber.told for subscriber in subscribers] == [["SNAPSHOT accepted", f"NOT_FOUND {ID}"]] * 2


async def test_a_log_that_redis_has_lost_gives_every_subscriber_a_gap(
    own_redis: RedisServer, redis_prefix: str, upstream: Upstream
) -> None:
    shared = Shared(own_redis.url, redis_prefix, upstream)
    upstream.tasks["1"] = "accepted"
    events = await shared.start()
    subscriber = Subscriber(events.follow(upstream.account(), [ID], None))
    await subscriber.until(1)
    own_redis.kill()
    own_redis.start()
    await subscriber.until(3)
    upstream.tasks["1"] = "complete"
    events.hint("LogisticsTask", "1")
    await subscriber.until(4)

    assert subscriber.told == ["SNAPSHOT accepted", "GAP", "SNAPSHOT accepted", "CHANGE accepted > complete"]
    await shared.close()


async def test_polls_after_the_log_was_lost_do_not_hide_the_gap(
    own_redis: RedisServer, redis_prefix: str, upstream: Upstream
) -> None:
    shared = Shared(own_redis.url, redis_prefix, upstream)
    upstream.tasks["1"] = "accepted"
    events = await shared.start(QUICK)
    subscriber = Subscriber(events.follow(upstream.account(), [ID], None))
    await subscriber.until(1)
    await shared.forget_everything()
    upstream.tasks["1"] = "complete"
    await subscriber.until(3)

    assert subscriber.told == ["SNAPSHOT accepted", "GAP", "SNAPSHOT complete"]
    await shared.close()


async def test_a_gateway_that_starts_without_its_redis_follows_once_it_is_there(
    own_redis: RedisServer, redis_prefix: str, upstream: Upstream
) -> None:
    own_redis.kill()
    shared = Shared(own_redis.url, redis_prefix, upstream)
    upstream.tasks["1"] = "accepted"
    events = await shared.start()
    subscriber = Subscriber(events.follow(upstream.account(), [ID], None))
    own_redis.start()
    async with asyncio.timeout(WAIT_SECONDS):
        await subscriber.until(1)
        while "SNAPSHOT accepted" not in subscriber.told:
            await subscriber.until(len(subscriber.news) + 1)

    assert set(subscriber.told) <= {"GAP", "SNAPSHOT accepted"}
    await subscriber.leave()
    await shared.close()


async def test_a_cursor_of_many_ids_goes_on_in_another_process_with_other_ids(
    shared: Shared, upstream: Upstream
) -> None:
    ids = [f"LogisticsTask:{number}" for number in range(40)]
    upstream.tasks |= dict.fromkeys(map(str, range(41)), "accepted")
    one, two = await shared.start(), await shared.start()
    first = Subscriber(one.follow(upstream.account(), ids, None))
    await first.until(40)
    await first.leave()

    resumed = Subscriber(two.follow(upstream.account(), [*ids[5:], "LogisticsTask:40"], first.news[-1].cursor))
    await resumed.until(1)
    upstream.tasks["7"] = "complete"
    two.hint("LogisticsTask", "7")
    await resumed.until(2)

    assert resumed.told == ["SNAPSHOT accepted", "CHANGE accepted > complete"]
