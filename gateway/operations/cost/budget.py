"""Callers' budgets: how many upstream calls each may cause in a minute.

A budget is a bucket that holds a minute's calls and fills up evenly. An operation is charged its estimate before it
runs and gets back afterwards what it did not use, so that many operations at once cannot overdraw it together.
"""

from collections.abc import Iterable
from math import ceil
from typing import Final, Protocol

import msgspec

from gateway.http.refusals import Header
from gateway.operations.cost.estimates import too_expensive
from gateway.operations.spent_counts import SpentCounts
from resolvers.errors import RateLimited
from resolvers.upstreams.call import CallTrace

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
