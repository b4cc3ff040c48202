"""Callers' quotas of SMS, a minute and a day: buckets that fill evenly, as those of upstream calls do."""

from math import ceil
from typing import Final, NamedTuple

from gateway.operations.cost.budget import MINUTE, Buckets, SpentCounts
from gateway.operations.documents.request_limits import RequestCounts
from resolvers.errors import QuotaTooSmall, RateLimited

DAY: Final = 86_400.0


class _Window(NamedTuple):
    """How many SMS in which time; `name` is for messages and for keys."""

    name: str
    seconds: float
    most: int


class SmsQuotas:
    """The quotas of all callers; process lifetime.

    Args:
        buckets: Where they are kept.
        a_minute: SMS that a caller may have sent in a minute; None for any number.
        a_day: In a day.
        counts: Where jobs are counted that are larger than a quota.
        spent: Where the refusals of others are counted.
    """

    def __init__(
        self,
        buckets: Buckets,
        a_minute: int | None,
        a_day: int | None,
        counts: RequestCounts,
        spent: SpentCounts | None = None,
    ) -> None:
        given = (("minute", MINUTE, a_minute), ("day", DAY, a_day))
        self.windows = tuple(_Window(name, seconds, most) for name, seconds, most in given if most is not None)
        self.buckets = buckets
        self.counts = counts
        self.spent = spent or SpentCounts()

    def refusal(self, window: "_Window", count: int, left: float) -> RateLimited:
        """Count a refusal, and say why a job is refused and what to do."""
        held = f"This job comes to {count} SMS, each part of a text counted for each recipient; this caller has"
        if count > window.most:
            self.counts.sms += 1
            return QuotaTooSmall(f"{held} {window.most} a {window.name} at most. Send it as several jobs.")
        if window.seconds > MINUTE:
            self.spent.sms_a_day += 1
        else:
            self.spent.sms_a_minute += 1
        return RateLimited(
            f"{held} {max(0, int(left))} of its {window.most} a {window.name} left. "
            "Send it again later, or a smaller job.",
            retry_after=float(ceil((count - left) * window.seconds / window.most)),
        )

    def of(self, caller: str) -> "CallerQuota":
        """The quota of a caller, by its name."""
        return CallerQuota(self, caller)


class CallerQuota:
    """What one caller may have sent; operation lifetime."""

    def __init__(self, quotas: SmsQuotas, caller: str) -> None:
        self._quotas = quotas
        self._caller = caller

    async def take(self, count: int) -> None:
        """Charge for SMS before they are sent.

        Raises:
            RateLimited: the caller has not as many left.
            QuotaTooSmall: it never has as many.
        """
        taken: list[_Window] = []
        # Those first that it never fits: it is told so, whatever is left of the others.
        for window in sorted(self._quotas.windows, key=lambda one: one.most >= count):
            granted, left = await self._take(window, count)
            if not granted:
                for one in taken:
                    await self._take(one, -count, owed=True)
                raise self._quotas.refusal(window, count, left)
            taken.append(window)

    async def give_back(self, count: int) -> None:
        """Take a charge back: nothing was sent."""
        for window in self._quotas.windows:
            await self._take(window, -count, owed=True)

    async def _take(self, window: _Window, count: int, *, owed: bool = False) -> tuple[bool, float]:
        key = f"sms a {window.name}:{self._caller}"
        level = await self._quotas.buckets.take(key, count, window.most, owed=owed, seconds=window.seconds)
        return level.granted, level.calls
