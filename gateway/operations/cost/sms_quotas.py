"""Callers' quotas of SMS, per minute and per day, in buckets like those of upstream calls (`budget.py`)."""

from math import ceil
from typing import Final, NamedTuple

from gateway.operations.cost.budget import MINUTE, Buckets, SpentCounts
from gateway.operations.documents.request_limits import RequestCounts
from resolvers.errors import QuotaTooSmall, RateLimited

DAY: Final = 86_400.0


class _Window(NamedTuple):
    """A period of `seconds` with at most `most` SMS; `name` is for messages and keys."""

    name: str
    seconds: float
    most: int


class SmsQuotas:
    """The quotas of all callers; process lifetime.

    Args:
        buckets: Hold what each caller has left.
        a_minute: SMS per caller and minute; None for no limit.
        a_day: SMS per caller and day; None for no limit.
        counts: Counts jobs that are larger than a whole quota.
        spent: Counts the other refusals.
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
        """Count a refusal and return its error."""
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
        """Return the quota of a caller, by its name."""
        return CallerQuota(self, caller)


class CallerQuota:
    """The SMS quota of one caller; operation lifetime."""

    def __init__(self, quotas: SmsQuotas, caller: str) -> None:
        self._quotas = quotas
        self._caller = caller

    async def take(self, count: int) -> None:
        """Charge for SMS before they are sent.

        Raises:
            RateLimited: The caller has fewer left.
            QuotaTooSmall: The whole quota is smaller.
        """
        taken: list[_Window] = []
        # Windows that the job can never fit come first, because QuotaTooSmall is the answer whatever the others hold.
        for window in sorted(self._quotas.windows, key=lambda one: one.most >= count):
            granted, left = await self._take(window, count)
            if not granted:
                # All windows or none: what the earlier ones granted goes back.
                for one in taken:
                    await self._take(one, -count, owed=True)
                raise self._quotas.refusal(window, count, left)
            taken.append(window)

    async def give_back(self, count: int) -> None:
        """Return a charge to the caller, where nothing was sent."""
        for window in self._quotas.windows:
            await self._take(window, -count, owed=True)

    async def _take(self, window: _Window, count: int, *, owed: bool = False) -> tuple[bool, float]:
        key = f"{window.name}:{self._caller}"
        level = await self._quotas.buckets.take(key, count, window.most, owed=owed, seconds=window.seconds)
        return level.granted, level.calls
