"""Callers' budgets of upstream calls a minute."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Final

import pytest
from redis.asyncio import Redis
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.operations.cost.budget import Buckets, Budgets, BudgetSpent, LocalBuckets, RedisBuckets
from gateway.sandbox.server import serving
from resolvers.errors import OperationTooExpensive
from resolvers.upstreams.call import CallTrace
from resolvers.upstreams.names import UpstreamName
from tests.redis_server import RedisServer
from tests.world import UNCACHED, running_world

REMAINING: Final = "ratelimit-remaining"
TEN: Final = "{ deliveries(first: 9) { nodes { product { id } } } }"


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["process", "redis", "redis that is gone"])
async def buckets(request: pytest.FixtureRequest, redis_url: str, redis_prefix: str) -> AsyncIterator[Buckets]:
    if request.param == "process":
        yield LocalBuckets(Clock())
        return
    url = redis_url if request.param == "redis" else "redis://127.0.0.1:1"
    async with Redis.from_url(url) as redis:
        yield RedisBuckets(redis, redis_prefix, Clock())


def trace(tries: int, cache: str = "miss") -> CallTrace:
    return CallTrace(UpstreamName.SMS, "GET", "/jobs", 200, 1.0, cache, tries)  # type: ignore[arg-type]  # one of four words


async def test_a_bucket_holds_a_minute_and_gives_all_or_nothing(buckets: Buckets) -> None:
    first = await buckets.take("a", 60, 100)
    refused = await buckets.take("a", 60, 100)
    other = await buckets.take("b", 60, 100)
    owed = await buckets.take("a", 60, 100, owed=True)
    back = await buckets.take("a", -90, 100, owed=True)

    assert [level.granted for level in (first, refused, other, owed, back)] == [True, False, True, True, True]
    levels = [level.calls for level in (first, refused, other, owed, back)]
    assert levels == pytest.approx([40, 40, 40, -20, 70], abs=1)


async def test_a_bucket_fills_evenly_and_never_runs_over() -> None:
    clock = Clock()
    buckets = LocalBuckets(clock)
    await buckets.take("a", 100, 100)

    clock.now += 30
    half = await buckets.take("a", 0, 100)
    clock.now += 300
    full = await buckets.take("a", 0, 100)

    assert (half.calls, full.calls) == (50, 100)


async def test_what_an_operation_did_not_use_is_given_back() -> None:
    budgets = Budgets(LocalBuckets(Clock()), 100)
    charge = await budgets.charge("a", 80)

    headers = dict(await charge.settle([trace(1), trace(3), trace(0), trace(0, "hit"), trace(1, "shared")]))

    assert headers[b"ratelimit-remaining"] == b"96"


async def test_an_operation_that_no_whole_minute_allows_is_told_so() -> None:
    budgets = Budgets(LocalBuckets(Clock()), 100)

    with pytest.raises(OperationTooExpensive, match=r"101 upstream calls, and the limit is 100"):
        await budgets.charge("a", 101)


async def test_a_refusal_says_when_the_operation_may_come_again() -> None:
    clock = Clock()
    budgets = Budgets(LocalBuckets(clock), 60)
    await budgets.charge("a", 50)

    with pytest.raises(BudgetSpent) as refused:
        await budgets.charge("a", 30)
    clock.now += refused.value.retry_after or 0
    charge = await budgets.charge("a", 30)
    headers = dict(await charge.settle([trace(30)]))

    assert refused.value.retry_after == 20
    assert headers[b"ratelimit-remaining"] == b"0"


async def test_many_operations_at_once_cannot_overdraw_a_budget() -> None:
    budgets = Budgets(LocalBuckets(Clock()), 100)
    charges = [await budgets.charge("a", 30) for _ in range(3)]

    with pytest.raises(BudgetSpent):
        await budgets.charge("a", 30)

    assert len(charges) == 3


async def test_a_caller_over_budget_gets_429_and_the_others_are_served() -> None:
    settings = {
        **UNCACHED,
        "GATEWAY_AUTH__CALLS_PER_MINUTE": "20",
        "GATEWAY_AUTH__API_KEYS__PHONE": hashlib.sha256(b"phone").hexdigest(),
    }
    async with running_world(settings) as world:
        served = [await world.ask(TEN) for _ in range(2)]
        refused = await world.ask(TEN)
        requests_of_refused = len(world.requests)
        free = await world.ask("{ upstreams { name } }")
        other = await world.ask(TEN, headers={"X-API-Key": "phone"})
        metrics = (await world.client.get(f"{world.url}/metrics")).text

    assert [answer.headers["ratelimit-remaining"] for answer in served] == ["10", "0"]
    assert served[0].headers["ratelimit-limit"] == "20"
    assert served[0].headers["ratelimit-reset"] == "30"
    assert refused.status == 429
    assert refused.codes == {"": "RATE_LIMITED"}
    assert 0 < int(refused.headers["retry-after"]) <= 30
    assert refused.headers["ratelimit-remaining"] == "0"
    assert requests_of_refused == 0
    assert 'gateway_spent_budgets_refused_total{budget="calls"} 1.0' in metrics
    assert free.data
    assert other.headers["ratelimit-remaining"] == "10"


async def test_answers_from_a_cache_are_free_and_plans_are_as_well() -> None:
    async with running_world({"GATEWAY_AUTH__CALLS_PER_MINUTE": "20"}) as world:
        first = await world.ask(TEN)
        kept = [await world.ask(TEN) for _ in range(5)]
        plan = await world.ask(TEN, headers={"X-Gateway-Explain": "plan"})

    assert first.headers["ratelimit-remaining"] == "10"
    assert {answer.headers["ratelimit-remaining"] for answer in [*kept, plan]} == {"10"}


class HeldTasks:
    """A logistics API whose tasks come once the gate opens; lifetime: one test."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        await self.gate.wait()
        task = {"id": scope["path"].rsplit("/", 1)[-1], "current_status": "accepted"}
        await JSONResponse(task)(scope, receive, send)


@pytest.mark.parametrize("other", ["id", "taskId"])
async def test_calls_that_two_callers_share_are_charged_to_the_one_who_began_them(other: str) -> None:
    ids = [f"00000000-0000-4000-8000-{one:012}" for one in range(10)]
    queries = [
        "{ " + " ".join(f'a{n}: logisticsTask(id: "{one}") {{ {field} }}' for n, one in enumerate(ids)) + " }"
        for field in ("id", other)
    ]
    callers: tuple[dict[str, str], ...] = ({}, {"X-API-Key": "phone"})
    settings = {
        "GATEWAY_AUTH__CALLS_PER_MINUTE": "60",
        "GATEWAY_AUTH__API_KEYS__PHONE": hashlib.sha256(b"phone").hexdigest(),
    }
    upstream = HeldTasks()
    async with serving(upstream) as url, running_world({**settings, "GATEWAY_LOGISTICS__URL": url}) as world:
        asking = []
        for query, caller in zip(queries, callers, strict=True):
            asking.append(asyncio.create_task(world.ask(query, headers=caller)))
            async with asyncio.timeout(20):
                while int((await world.ask("{ upstreams { name } }", headers=caller)).headers[REMAINING]) > 52:
                    pass
        upstream.gate.set()
        began, joined = [int((await one).headers[REMAINING]) for one in asking]

    assert upstream.calls == 10
    assert 50 <= began < joined == 60


async def test_without_a_budget_no_answer_speaks_of_one() -> None:
    async with running_world(UNCACHED) as world:
        answer = await world.ask(TEN)

    assert not [name for name in answer.headers if name.startswith("ratelimit")]


async def test_processes_share_a_budget_by_redis_and_go_on_without_it(
    own_redis: RedisServer, redis_prefix: str
) -> None:
    async with Redis.from_url(own_redis.url) as one, Redis.from_url(own_redis.url) as two:
        clock = Clock()
        first, second = RedisBuckets(one, redis_prefix, clock), RedisBuckets(two, redis_prefix, clock)
        await first.take("a", 70, 100)
        shared = await second.take("a", 70, 100)
        own_redis.kill()
        after_failure = await second.take("a", 70, 100)

    assert not shared.granted
    assert after_failure.granted
