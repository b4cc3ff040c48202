"""The context of one operation: its account, deadline, loaders and clock."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from resolvers.accounts import Account
from resolvers.cache.kind import CachedKind
from resolvers.cache.reads import ReadSet
from resolvers.errors import IdempotencyUnavailable
from resolvers.events.interface import Start, StatusEventSource, TrackedRecord
from resolvers.idempotency.keys import CallerKeys
from resolvers.idempotency.run import KeyedRun, UnkeyedRun
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.identities import account_name
from resolvers.loading.loaders import RecordLoaders
from resolvers.sms.billing import SmsQuota
from resolvers.upstreams.call import CallScope


def utc_now() -> datetime:
    """Return the time by the wall clock."""
    return datetime.now(UTC)


class Context:
    """What the resolvers of one operation share; lifetime: the operation, or one event of a subscription.

    Args:
        account: The account with the upstreams' clients.
        scope: The operation's deadline, and the traces of its calls.
        now: The wall clock.
        sms_quota: The caller's quota of SMS; None for no limit.
        start: Collects the calls of a subscription's start; None where nobody is charged for them.
        keys: The caller's idempotency keys; None where changes have none.
    """

    def __init__(
        self,
        account: Account,
        scope: CallScope,
        now: Callable[[], datetime] = utc_now,
        sms_quota: SmsQuota | None = None,
        start: Start | None = None,
        keys: CallerKeys | None = None,
    ) -> None:
        self.start = start
        self.keys = keys
        self.account = account
        self.scope = scope
        self.now = now
        self.sms_quota = sms_quota
        self.read_set = ReadSet(account, scope, account.records.invalidations.mark)
        self.loaders = RecordLoaders(account.records, self.read_set)

    @property
    def touched(self) -> Collection[str]:
        """The keys of all entries that were read so far, with the tags of lists."""
        return self.read_set.touched

    @property
    def fresh_until(self) -> float:
        """When the first entry that was read becomes stale, by the cache's clock; -inf where a part is never cached."""
        return self.read_set.fresh_until

    @property
    def stale_reads(self) -> int:
        """How many reads were given stale values."""
        return len(self.read_set.stale)

    @property
    def current(self) -> bool:
        """Whether no entry that was read was invalidated since the operation began."""
        return self.account.records.current(self.read_set)

    def never_keep(self) -> None:
        """Do not cache the operation's response, because a part of it is true only now, such as a breaker's state."""
        self.read_set.took_unkept()

    def never_stale(self) -> None:
        """Read nothing stale from now on, because the operation changes records."""
        # What was read before may be stale, so the response is not cached either.
        self.read_set.permits_stale = False
        self.read_set.took_unkept()

    def once(
        self, key: IdempotencyKey | None, change: object, parts: int = 1
    ) -> AbstractAsyncContextManager[KeyedRun | UnkeyedRun]:
        """Make a change within the block, once for all requests with the same idempotency key.

        Args:
            key: The key; None makes the change in any case.
            change: All that the change is made of; another one under the same key is refused.
            parts: The number of upstream requests that it takes.

        Raises:
            IdempotencyUnavailable: There is a key, and outcomes cannot be kept; nothing may be sent.
            GatewayError: The key cannot be used for this change, or not now; see `IdempotencyKeys.run`.
        """
        if key is None:
            return nullcontext(UnkeyedRun())
        if self.keys is None:
            raise IdempotencyUnavailable(
                "Idempotency keys are not kept here, so nothing was sent; send it without one."
            )
        # With the account, because by other credentials it is another change; renewed ones are the same account's.
        return self.keys.run(key, (account_name(self.account.identity), change), parts, self.scope.deadline)

    @asynccontextmanager
    async def changing(self, kind: CachedKind[Any], record_ids: Collection[str] = ()) -> AsyncIterator[set[str]]:
        """Change records within the block; at its end they are invalidated in every process.

        Args:
            kind: The kind of the records.
            record_ids: The upstream's own ids of the records that are changed.

        Yields:
            The ids to invalidate. The block adds those of records that it creates, whose absence may be cached.
        """
        self.never_stale()
        changed = set(record_ids)
        try:
            yield changed
        finally:
            # Also after an error, because a failed change may have taken effect.
            await self.forget(kind, changed)

    async def forget(self, kind: CachedKind[Any], record_ids: Collection[str]) -> None:
        """Invalidate records, in this operation and in every process.

        Args:
            kind: The kind of the records.
            record_ids: The upstream's own ids.
        """
        # This operation's loaders too, so that a mutation reads its record again after the change.
        self.loaders.forget(kind, record_ids)
        await self.account.records.forget(self.account.identity, kind, record_ids)

    @property
    def status_version(self) -> int:
        """The version of the event log, to be read before a mutation's call and passed to `publish_status`."""
        events = self.account.events
        return 0 if events is None else events.version

    async def publish_status(self, since: int, *records: TrackedRecord) -> None:
        """Publish the status of records after a mutation to their subscriptions; never raises.

        Args:
            since: `status_version` before the mutation's call.
            records: The records as the upstream returned them.
        """
        if self.account.events is not None:
            for record in records:
                await self.account.events.record_changed(self.account, record, since, StatusEventSource.MUTATION)

    def close(self) -> None:
        """Cancel the reads in flight, which nothing awaits any more."""
        self.loaders.cancel()
