"""The metric of round trips to Redis, of a whole gateway and of commands that fail."""

import hashlib
import re
from typing import Final

import pytest

from resolvers.redis_times import RedisTimes
from tests.world import World, running_world

QUERY: Final = '{ logisticsTasks(first: 1) { nodes { id } } logisticsTask(id: "1") { id } }'
CANCEL: Final = 'mutation { cancelLogisticsTask(id: "1", reason: "late") { task { id } } }'
COUNT: Final = re.compile(r'^gateway_redis_command_seconds_count\{purpose="(\w+)"\} (\d+)', re.MULTILINE)


async def counts(world: World) -> dict[str, int]:
    text = (await world.client.get(f"{world.url}/metrics")).text
    return {purpose: int(count) for purpose, count in COUNT.findall(text)}


async def test_round_trips_are_counted_by_what_they_are_for(redis_url: str, redis_prefix: str) -> None:
    settings = {
        "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_REDIS_PREFIX": redis_prefix,
        "GATEWAY_AUTH__CALLS_PER_MINUTE": "1000",
        "GATEWAY_LOGISTICS__RATE_PER_SECOND": "1000",
    }
    registered = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(QUERY.encode()).hexdigest()}}
    async with running_world(settings) as world:
        body = {"query": QUERY, "extensions": registered}
        await world.client.post(f"{world.url}/graphql", json=body)
        await world.ask(CANCEL)
        found = await counts(world)

    assert {purpose for purpose, count in found.items() if count} == {
        *("cache", "lease", "invalidation", "pacing", "budget", "document", "event_log")
    }
    assert set(found) == set(RedisTimes().by_purpose)


async def test_without_redis_there_is_no_such_metric() -> None:
    async with running_world() as world:
        assert await counts(world) == {}


def test_a_command_that_fails_is_measured_as_well() -> None:
    moments = iter((1.0, 1.5))
    times = RedisTimes(lambda: next(moments))

    with pytest.raises(TimeoutError), times.measure("pacing"):
        raise TimeoutError

    assert times.by_purpose["pacing"].total == 0.5
    assert sum(times.by_purpose["pacing"].counts) == 1
