"""Processes that share a Redis share their limits, and go on alone while it is away."""

import asyncio
import logging
from functools import partial

import pytest
from redis.asyncio import Redis

from resolvers.upstreams.transport.rate_state import Accepted, PacingConfig, Refusal, peek, refuse, take
from resolvers.upstreams.transport.shared_rate import RedisRate
from resolvers.upstreams.transport.stack import StackConfig, loop_clock
from tests.redis_server import RedisServer
from tests.upstreams.transport.little_upstreams import OK, LittleUpstream, a_call, scripted, stack_over, status

FREE = PacingConfig()
SLOW = PacingConfig(rate_per_second=0.01)


async def test_of_many_who_ask_at_once_only_as_many_get_a_place_as_there_are(redis: Redis, redis_prefix: str) -> None:
    processes = [RedisRate(redis, redis_prefix, loop_clock) for _ in range(4)]
    config = PacingConfig(rate_per_second=0.01)

    standings = await asyncio.gather(
        *(process.change("key", partial(take, config=config)) for process in processes for _ in range(5))
    )

    assert sum(rate_status.wait == 0 for rate_status in standings) == 1
    assert all(rate_status.wait > 90 for rate_status in standings if rate_status.wait)


async def test_what_one_process_learns_holds_for_the_others(redis: Redis, redis_prefix: str) -> None:
    one, other = (RedisRate(redis, redis_prefix, loop_clock) for _ in range(2))

    await one.change("key", partial(refuse, config=FREE, refusal=Refusal(7, Accepted(100, 10), 0)))
    rate_status = await other.change("key", partial(peek, config=FREE))

    assert rate_status.closed_for == pytest.approx(7, abs=0.5)
    assert rate_status.per_second == pytest.approx(5)
    assert rate_status.refusals == 1


async def test_states_are_kept_apart_by_prefix_and_key_and_end_some_day(redis: Redis, redis_prefix: str) -> None:
    rate = RedisRate(redis, redis_prefix, loop_clock)

    await rate.change("key", partial(take, config=SLOW))
    other_key = await rate.change("other", partial(take, config=SLOW))
    other_prefix = await RedisRate(redis, f"{redis_prefix}other:", loop_clock).change("key", partial(take, config=SLOW))

    assert (other_key.wait, other_prefix.wait) == (0, 0)
    assert 0 < await redis.ttl(f"{redis_prefix}pacing:key") <= 1200


async def test_looking_writes_nothing(redis: Redis, redis_prefix: str) -> None:
    await RedisRate(redis, redis_prefix, loop_clock).change("key", partial(take, config=FREE))

    assert await redis.exists(f"{redis_prefix}pacing:key") == 0


async def test_a_state_that_cannot_be_read_is_none(redis: Redis, redis_prefix: str) -> None:
    await redis.set(f"{redis_prefix}pacing:key", b'{"of": "another release"}', ex=60)

    rate_status = await RedisRate(redis, redis_prefix, loop_clock).change("key", partial(take, config=SLOW))

    assert rate_status.wait == 0


async def test_another_process_whose_calls_are_unrestricted_learns_within_a_second(
    redis: Redis, redis_prefix: str
) -> None:
    moment = 0.0
    one = stack_over(scripted([status(429)]), rate=RedisRate(redis, redis_prefix, loop_clock))
    upstream = LittleUpstream()
    other = stack_over(upstream, rate=RedisRate(redis, redis_prefix, loop_clock), clock=lambda: loop_clock() + moment)
    await other.transport.send(a_call())
    await one.transport.send(a_call(repeatable=False))

    moment = 1.1
    refused = await asyncio.gather(other.transport.send(a_call(seconds=6)), return_exceptions=True)

    assert [getattr(outcome, "code", None) for outcome in refused] == ["UPSTREAM_RATE_LIMITED"]
    assert len(upstream.sent) == 1


async def test_without_redis_each_process_paces_alone_warns_once_and_joins_in_when_it_is_back(
    own_redis: RedisServer, redis_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    moment = 0.0
    config = StackConfig(pacing=PacingConfig(rate_per_second=1000))
    async with Redis.from_url(own_redis.url, socket_timeout=0.5, socket_connect_timeout=0.5) as redis:
        rate = RedisRate(redis, redis_prefix, lambda: loop_clock() + moment)
        transport = stack_over(LittleUpstream(), config, rate=rate).transport
        with caplog.at_level(logging.INFO):
            await transport.send(a_call())
            own_redis.kill()
            away = [await transport.send(a_call()) for _ in range(5)]
            moment = 1.1
            away += [await transport.send(a_call()) for _ in range(5)]
            failures = rate.failures
            own_redis.start()
            moment = 2.2
            answer = await transport.send(a_call())

    assert away == [OK] * 10
    assert answer is OK
    assert (failures, rate.failures) == (2, 2)
    assert [record.levelname for record in caplog.records if "Redis" in record.message] == ["WARNING", "INFO"]
