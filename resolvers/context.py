"""What one operation has: an account, a deadline, loaders, a clock."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from resolvers.accounts import Account
from resolvers.cache.kind import CachedKind
from resolvers.cache.reads import ReadSet
from resolvers.events.interface import Start, StatusEventSource, TrackedRecord
from resolvers.loading.loaders import RecordLoaders
from resolvers.sms.billing import SmsQuota
from resolvers.upstreams.call import CallScope


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Context:
    """What resolvers share; operation lifetime, and in a subscription one event.

    Args:
        account: Whose upstream credentials the operation uses.
        scope: The operation's deadline, and where its calls are noted.
        now: The wall clock; tests bring their own.
        sms_quota: How many SMS the caller may have sent; None for any number.
        start: Of the subscription; None where its calls are charged to nobody.
    """

    def __init__(
        self,
        account: Account,
        scope: CallScope,
        now: Callable[[], datetime] = utc_now,
        sms_quota: SmsQuota | None = None,
        start: Start | None = None,
    ) -> None:
        self.start = start
        self.account = account
        self.scope = scope
        self.now = now
        self.sms_quota = sms_quota
        self.read_set = ReadSet(account, scope, account.records.invalidations.mark)
        self.loaders = RecordLoaders(account.records, self.read_set)

    @property
    def touched(self) -> Collection[str]:
        """The keys of all that was read so far, tags of lists among them."""
        return self.read_set.touched

    @property
    def fresh_until(self) -> float:
        """Until when all that was read is fresh, by the cache's clock; minus infinity where a part is never kept."""
        return self.read_set.fresh_until

    @property
    def stale_reads(self) -> int:
        """How many reads were given stale values."""
        return len(self.read_set.stale)

    @property
    def current(self) -> bool:
        """Whether nothing that was read has been forgotten since the operation began."""
        return self.account.records.current(self.read_set)

    def never_keep(self) -> None:
        """Keep no response of the operation: it holds something that is true only now, such as a breaker's state."""
        self.read_set.took_unkept()

    def never_stale(self) -> None:
        """Read nothing stale from here on: the operation changes something."""
        self.read_set.permits_stale = False
        self.read_set.took_unkept()

    @asynccontextmanager
    async def changing(self, kind: CachedKind[Any], record_ids: Collection[str] = ()) -> AsyncIterator[set[str]]:
        """Change records within the block: nothing stale is read from then on, and at its end they are forgotten.

        That they are forgotten whatever comes of it is on purpose: what failed may have taken effect. The ids of
        records that the block creates have to be added to what it is given: that there were none may be cached.

        Args:
            kind: What they are.
            record_ids: The upstream's own ids; none where records are created.

        Yields:
            The ids that are forgotten.
        """
        self.never_stale()
        changed = set(record_ids)
        try:
            yield changed
        finally:
            await self.forget(kind, changed)

    async def forget(self, kind: CachedKind[Any], record_ids: Collection[str]) -> None:
        """Read records anew from now on, here and in every process.

        Args:
            kind: What they are.
            record_ids: The upstream's own ids.
        """
        self.loaders.forget(kind, record_ids)
        await self.account.records.forget(self.account.identity, kind, record_ids)

    @property
    def status_version(self) -> int:
        """To be noted before a mutation asks its upstream, for `tell_status`."""
        events = self.account.events
        return 0 if events is None else events.version

    async def tell_status(self, since: int, *records: TrackedRecord) -> None:
        """Let those who follow these records know where they stand after a mutation; raises nothing.

        Args:
            since: `status_version` before the upstream was asked.
            records: As the upstream answered them.
        """
        if self.account.events is not None:
            for record in records:
                await self.account.events.record_changed(self.account, record, since, StatusEventSource.MUTATION)

    def close(self) -> None:
        """Give up what is still in flight: nothing waits for it any more."""
        self.loaders.cancel()
