"""Callers' budgets: how many upstream calls each caller may cause per minute.

Theory of operation
-------------------
A budget is a token bucket: it holds the calls of one minute and refills evenly. An operation is charged its estimate
before it runs and gets the unused part back afterwards::

    charge(estimate) --granted--> run --> settle(used - estimate), which may leave the bucket below zero
           |
           +--not granted--> BudgetSpent, with the seconds until the bucket holds the estimate

Because the whole estimate is taken first, operations that run at once cannot overdraw a bucket together. Buckets are in
the process, or in Redis for all processes; while Redis fails, each process has its own. `BudgetedOperations` is the
step of the operation stack that charges.
"""

import logging
from collections.abc import Callable, Iterable
from math import ceil
from typing import Final, Protocol

import msgspec
from cachetools import LRUCache
from redis.asyncio import Redis
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.cost.estimates import Costs, too_expensive
from gateway.operations.diagnostics import TRACES, calls_made, requests_plan
from gateway.operations.documents.documents import Documents
from gateway.operations.request import GraphQLRequest, Header, Operations, Reply
from resolvers.errors import RateLimited
from resolvers.redis_failures import FAILURES
from resolvers.redis_times import RedisTimes
from resolvers.upstreams.call import CallTrace


class SpentCounts(msgspec.Struct):
    """Counts requests that were refused for a spent budget or quota; process lifetime.

    Args:
        calls: Refusals by the budget of upstream calls per minute.
        sms_a_minute: Refusals by the quota of SMS per minute.
        sms_a_day: Refusals by the quota of SMS per day.
    """

    calls: int = 0
    sms_a_minute: int = 0
    sms_a_day: int = 0


MINUTE: Final = 60.0


class Level(msgspec.Struct, frozen=True):
    """The outcome of taking calls from a bucket; a value.

    Args:
        granted: Whether the calls were taken.
        calls: Calls left in the bucket; negative where operations used more than their estimates.
    """

    granted: bool
    calls: float


class Buckets(Protocol):
    """Holds callers' buckets; process lifetime."""

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        """Take calls from a caller's bucket, all or none.

        Args:
            caller: The caller's name.
            calls: Number of calls; a negative number puts calls back.
            capacity: Calls that a full bucket holds.
            owed: Take them even where the bucket holds fewer, because they were made already.
            seconds: Time in which an empty bucket fills up.
        """
        ...


class BudgetSpent(RateLimited):
    """The caller has used up its budget for now.

    Args:
        message: The message for the client.
        headers: The rate limit headers of the response.
        retry_after: Seconds until the budget allows the operation.
    """

    def __init__(self, message: str, headers: tuple[Header, ...], *, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.headers = headers


class Budgets:
    """The budgets of all callers; process lifetime.

    Args:
        buckets: Hold what each caller has left.
        calls_per_minute: The budget of each caller.
        spent: Counters of refusals.
    """

    def __init__(self, buckets: Buckets, calls_per_minute: int, spent: SpentCounts | None = None) -> None:
        self._buckets = buckets
        self._spent = spent or SpentCounts()
        self._capacity = calls_per_minute

    async def charge(self, caller: str, estimate: int) -> "Charge":
        """Charge a caller's budget for an operation and return the charge, to be settled.

        Raises:
            OperationTooExpensive: The estimate is above a whole minute's budget.
            BudgetSpent: The caller has too few calls left.
        """
        # Not BudgetSpent: no bucket ever holds so many, so waiting would not help.
        if estimate > self._capacity:
            raise too_expensive(estimate, self._capacity)
        level = await self._buckets.take(caller, estimate, self._capacity)
        # A refused operation takes nothing, so that waiting always helps.
        if not level.granted:
            self._spent.calls += 1
            raise BudgetSpent(
                f"This caller has {max(0, int(level.calls))} of its {self._capacity} upstream calls a minute left, and "
                f"the operation is estimated at {estimate}; send it again later.",
                self.headers(level),
                # In whole seconds, as `Retry-After` has them (RFC 9110, 10.2.3).
                retry_after=float(ceil((estimate - level.calls) * MINUTE / self._capacity)),
            )
        return Charge(self, caller, estimate)

    @property
    def calls_per_minute(self) -> int:
        """The budget of each caller."""
        return self._capacity

    async def left(self, caller: str) -> int:
        """Return the upstream calls that a caller has left."""
        return max(0, int((await self._buckets.take(caller, 0, self._capacity, owed=True)).calls))

    async def settle(self, caller: str, calls: int) -> tuple[Header, ...]:
        """Correct a caller's charge by a number of calls, and return the headers with the rest of its budget."""
        return self.headers(await self._buckets.take(caller, calls, self._capacity, owed=True))

    def headers(self, level: Level) -> tuple[Header, ...]:
        """Return the headers of a response about the budget (IETF draft-ietf-httpapi-ratelimit-headers-07)."""
        # The bucket refills evenly, so there is no end of a window: the reset is when it is full.
        full_in = ceil((self._capacity - level.calls) * MINUTE / self._capacity)
        return (
            (b"ratelimit-limit", b"%d" % self._capacity),
            (b"ratelimit-remaining", b"%d" % max(0, int(level.calls))),
            (b"ratelimit-reset", b"%d" % max(0, full_in)),
        )


class Charge:
    """The charge of one operation; operation lifetime."""

    def __init__(self, budgets: Budgets, caller: str, estimate: int) -> None:
        self._budgets = budgets
        self._caller = caller
        self._estimate = estimate

    async def settle(self, traces: Iterable[CallTrace]) -> tuple[Header, ...]:
        """Put back the unused part of the charge, and return the headers with the rest of the budget.

        Args:
            traces: The operation's calls.
        """
        return await self._budgets.settle(self._caller, calls_made(traces) - self._estimate)


MAX_CALLERS: Final = 100_000
"""Buckets in the process; the least recently used is forgotten, and is full again when it comes back."""

AWAY_SECONDS: Final = 1.0
"""Seconds without a call to Redis after it failed."""

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
"""`LocalBuckets.take` as a script, by Redis's clock, because processes' clocks differ. A bucket expires when full."""

_LOG: Final = logging.getLogger(__name__)


class LocalBuckets:
    """Buckets of one process; process lifetime.

    Args:
        clock: A monotonic clock, in seconds.
        max_callers: Number of buckets that are kept.
    """

    def __init__(self, clock: Callable[[], float], max_callers: int = MAX_CALLERS) -> None:
        self._clock = clock
        self._kept: LRUCache[str, tuple[float, float]] = LRUCache(max_callers)

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        """Take calls from a caller's bucket, all or none; see `Buckets.take`."""
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
        redis: A client with timeouts short enough for an operation to wait.
        prefix: The beginning of every key.
        clock: A monotonic clock, in seconds.
        purpose: The next part of every key, so that buckets of several kinds never meet.
        times: Measures commands; None measures them for nobody.
    """

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        clock: Callable[[], float],
        purpose: str = "budget",
        times: RedisTimes | None = None,
    ) -> None:
        self._script = redis.register_script(TAKE)
        self._times = times or RedisTimes()
        self._prefix = f"{prefix}{purpose}:"
        self._clock = clock
        self._local = LocalBuckets(clock)
        self._away_until = 0.0

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        """Take calls from a caller's bucket, all or none; see `Buckets.take`."""
        if self._clock() >= self._away_until:
            try:
                with self._times.measure("budget"):
                    granted, level = await self._script(
                        keys=[self._prefix + caller], args=[capacity, calls, int(owed), seconds]
                    )
                return Level(bool(granted), float(level))
            except FAILURES as error:
                # Each call would wait for its timeout while Redis is down.
                self._away_until = self._clock() + AWAY_SECONDS
                _LOG.warning("Redis failed (%s): each process keeps callers' budgets alone for now.", error)
        return await self._local.take(caller, calls, capacity, owed=owed, seconds=seconds)


class BudgetedOperations:
    """The step of the operation stack that charges callers' budgets; process lifetime.

    Args:
        operations: The next step.
        documents: Parsed documents.
        costs: Estimates operations.
        budgets: The callers' budgets.
    """

    def __init__(self, operations: Operations[Caller], documents: Documents, costs: Costs, budgets: Budgets) -> None:
        self._operations = operations
        self._documents = documents
        self._costs = costs
        self._budgets = budgets

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Charge the caller, run the operation and settle the charge; its response has the rate limit headers.

        Raises:
            OperationTooExpensive: The estimate is above the limit or above a whole minute's budget.
            BudgetSpent: The caller has too few calls left.
            GatewayError: The operation was not executed.
        """
        charge = await self._budgets.charge(caller.name, self._estimate(request, scope))
        # A list of an outer step is shared: it is of this operation as well.
        traces: list[CallTrace] = scope.get(TRACES, [])
        try:
            reply = await self._operations.run(request, {**scope, TRACES: traces}, caller)
        except Exception:
            # A failed operation pays for the calls that it made.
            await charge.settle(traces)
            raise
        # A cancelled operation is not settled, because calls in flight are in no trace: to leave would be free.
        return with_headers(await charge.settle(traces), reply)

    def _estimate(self, request: GraphQLRequest, scope: Scope) -> int:
        """Return the charge; 0 for what will not be executed."""
        document = self._documents.get(request.query or "")
        if document.errors or requests_plan(scope):
            return 0
        return self._costs.check(document, document.operation(request.operation_name), request.variables)


def with_headers(headers: tuple[Header, ...], reply: Reply) -> Reply:
    """Return the reply with further headers."""
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))
