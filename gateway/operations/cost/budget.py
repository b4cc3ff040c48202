"""Callers' budgets: how many upstream calls each may cause in a minute.

A budget is a bucket that holds a minute's calls and fills up evenly. An operation is charged its estimate before it
runs and gets back afterwards what it did not use, so that many operations at once cannot overdraw it together. The
buckets are in the process or, for all processes together, in Redis. `BudgetedOperations` is the step of the operation
stack that charges.
"""

import logging
from collections.abc import Callable, Iterable
from math import ceil
from typing import Final, Protocol

import msgspec
from cachetools import LRUCache
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.cost.estimates import Costs, too_expensive
from gateway.operations.diagnostics import TRACES, plan_asked_for
from gateway.operations.documents.documents import Documents
from gateway.operations.request import GraphQLRequest, Header, Operations, Reply
from resolvers.errors import RateLimited
from resolvers.upstreams.call import CallTrace


class SpentCounts(msgspec.Struct):
    """Requests refused for a spent budget or quota; counters that only grow, and live as long as their process.

    Args:
        calls: Of upstream calls a minute.
        sms_a_minute: Of SMS a minute.
        sms_a_day: Of SMS a day.
    """

    calls: int = 0
    sms_a_minute: int = 0
    sms_a_day: int = 0


MINUTE: Final = 60.0


class Level(msgspec.Struct, frozen=True):
    """A bucket after calls were taken from it; a value.

    Args:
        granted: Whether they could be.
        calls: How many are in it now; below zero where operations have used more than they were estimated at.
    """

    granted: bool
    calls: float


class Buckets(Protocol):
    """Where callers' buckets are; process lifetime."""

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        """Take calls out of a caller's bucket, all or none.

        Args:
            caller: Its name.
            calls: How many; a number below zero puts some back.
            capacity: How many the bucket holds, and how many flow into it in `seconds`.
            owed: Take them even if there are not as many: they have been made.
            seconds: In which an empty bucket fills.
        """
        ...


class BudgetSpent(RateLimited):
    """The caller has used up its budget for now.

    Args:
        headers: What its response says of the budget.
        message: What happened.
        retry_after: Seconds until the budget allows the operation.
    """

    def __init__(self, message: str, headers: tuple[Header, ...], *, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.headers = headers


class Budgets:
    """The budgets of all callers; process lifetime.

    Args:
        buckets: Where they are kept.
        calls_per_minute: What each caller has.
        spent: Where refusals are counted.
    """

    def __init__(self, buckets: Buckets, calls_per_minute: int, spent: SpentCounts | None = None) -> None:
        self._buckets = buckets
        self._spent = spent or SpentCounts()
        self._capacity = calls_per_minute

    async def charge(self, caller: str, estimate: int) -> "Charge":
        """Take an operation's estimate out of its caller's budget.

        Raises:
            OperationTooExpensive: no budget of a whole minute would allow it.
            BudgetSpent: this minute's does not.
        """
        if estimate > self._capacity:
            raise too_expensive(estimate, self._capacity)
        level = await self._buckets.take(caller, estimate, self._capacity)
        if not level.granted:
            self._spent.calls += 1
            raise BudgetSpent(
                f"This caller has {max(0, int(level.calls))} of its {self._capacity} upstream calls a minute left, and "
                f"the operation is estimated at {estimate}; send it again later.",
                self.headers(level),
                retry_after=float(ceil((estimate - level.calls) * MINUTE / self._capacity)),
            )
        return Charge(self, caller, estimate)

    async def settle(self, caller: str, calls: int) -> tuple[Header, ...]:
        """Correct what a caller was charged by so many calls, and say what is left."""
        return self.headers(await self._buckets.take(caller, calls, self._capacity, owed=True))

    def headers(self, level: Level) -> tuple[Header, ...]:
        """What a response says of the budget, in the words of the IETF's draft-ietf-httpapi-ratelimit-headers-07."""
        full_in = ceil((self._capacity - level.calls) * MINUTE / self._capacity)
        return (
            (b"ratelimit-limit", b"%d" % self._capacity),
            (b"ratelimit-remaining", b"%d" % max(0, int(level.calls))),
            (b"ratelimit-reset", b"%d" % max(0, full_in)),
        )


class Charge:
    """What one operation was charged; operation lifetime."""

    def __init__(self, budgets: Budgets, caller: str, estimate: int) -> None:
        self._budgets = budgets
        self._caller = caller
        self._estimate = estimate

    async def settle(self, traces: Iterable[CallTrace]) -> tuple[Header, ...]:
        """Give back what was not used, and say what is left.

        Args:
            traces: The operation's calls; those answered from a cache or by somebody else's call cost nothing.
        """
        used = sum(trace.tries for trace in traces if trace.cache == "miss")
        return await self._budgets.settle(self._caller, used - self._estimate)


MAX_CALLERS: Final = 100_000
"""Buckets in the process; one that is forgotten is a full one again."""

AWAY_SECONDS: Final = 1.0
"""How long Redis is left alone after it failed."""

TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local capacity, wanted, seconds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'calls', 'at')
local calls = capacity
if kept[1] then
  calls = math.min(capacity, kept[1] + math.max(0, now - kept[2]) * capacity / seconds)
end
local granted = (wanted <= calls or ARGV[3] == '1') and 1 or 0
if granted == 1 then
  calls = math.min(capacity, calls - wanted)
end
redis.call('HSET', KEYS[1], 'calls', tostring(calls), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(seconds + 1 + math.max(0, -calls) * seconds / capacity))
return {granted, tostring(calls)}
"""
"""`LocalBuckets.take` by the clock of Redis, so that processes need not agree on theirs; a bucket expires when full."""

_LOG: Final = logging.getLogger(__name__)


class LocalBuckets:
    """Buckets of one process; process lifetime.

    Args:
        clock: Seconds since whenever, never going back.
    """

    def __init__(self, clock: Callable[[], float], max_callers: int = MAX_CALLERS) -> None:
        self._clock = clock
        self._kept: LRUCache[str, tuple[float, float]] = LRUCache(max_callers)

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        """Take calls out of a caller's bucket, all or none."""
        now = self._clock()
        level, at = self._kept.get(caller, (float(capacity), now))
        level = min(capacity, level + (now - at) * capacity / seconds)
        granted = owed or calls <= level
        if granted:
            level = min(float(capacity), level - calls)
        self._kept[caller] = level, now
        return Level(granted, level)


class RedisBuckets:
    """Buckets in Redis, and in this process while Redis fails; process lifetime.

    Args:
        redis: With timeouts that an operation can bear.
        prefix: What every key begins with.
        clock: Seconds since whenever, never going back.
    """

    def __init__(self, redis: Redis, prefix: str, clock: Callable[[], float]) -> None:
        self._script = redis.register_script(TAKE)
        self._prefix = f"{prefix}budget:"
        self._clock = clock
        self._local = LocalBuckets(clock)
        self._away_until = 0.0

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        """Take calls out of a caller's bucket, all or none."""
        if self._clock() >= self._away_until:
            try:
                granted, level = await self._script(
                    keys=[self._prefix + caller], args=[capacity, calls, int(owed), seconds]
                )
                return Level(bool(granted), float(level))
            except (RedisError, OSError, TimeoutError) as error:
                self._away_until = self._clock() + AWAY_SECONDS
                _LOG.warning("Redis failed (%s): each process keeps callers' budgets alone for now.", error)
        return await self._local.take(caller, calls, capacity, owed=owed, seconds=seconds)


class BudgetedOperations:
    """Runs operations that their callers' budgets allow; process lifetime.

    Args:
        operations: Runs them.
        documents: Where their documents are.
        costs: Estimates them.
        budgets: Charges for them.
    """

    def __init__(self, operations: Operations[Caller], documents: Documents, costs: Costs, budgets: Budgets) -> None:
        self._operations = operations
        self._documents = documents
        self._costs = costs
        self._budgets = budgets

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation.

        Raises:
            GatewayError: nothing was executed, and why.
        """
        charge = await self._budgets.charge(caller.name, self._estimate(request, scope))
        traces: list[CallTrace] = scope.get(TRACES, [])
        try:
            reply = await self._operations.run(request, {**scope, TRACES: traces}, caller)
        except Exception:
            await charge.settle(traces)
            raise
        # Where the client left, calls under way are in no trace: it is charged the estimate, or leaving would be free.
        return with_headers(await charge.settle(traces), reply)

    def _estimate(self, request: GraphQLRequest, scope: Scope) -> int:
        """What the operation is charged; what will not be run is free."""
        document = self._documents.get(request.query or "")
        if document.errors or plan_asked_for(scope):
            return 0
        return self._costs.check(document, document.operation(request.operation_name), request.variables)


def with_headers(headers: tuple[Header, ...], reply: Reply) -> Reply:
    """The reply with these headers as well."""
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))
