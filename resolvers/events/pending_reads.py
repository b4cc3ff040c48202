"""Reads for events that are queued or in flight, and what those share that were requested together."""

import asyncio

import msgspec

from resolvers.accounts import Account
from resolvers.events.changes import RecordKey, RecordRead
from resolvers.events.interface import StatusEventSource
from resolvers.loading.loaders import RecordLoaders
from resolvers.upstreams.call import CallTrace


class SharedLoaders(msgspec.Struct, eq=False):
    """The loaders that reads requested together share. Lifetime: these reads.

    Args:
        loaders: Fetch the records.
        traces: The calls made so far that are charged to none of the reads yet.
        fetching: How many of the reads are waiting for the upstream.
        leaving: Whether cancelled reads are about to be removed.
    """

    loaders: RecordLoaders
    traces: list[CallTrace]
    fetching: int = 0
    leaving: bool = False

    def leave_soon(self) -> None:
        """Remove the reads that are cancelled in this turn of the event loop, in one pass."""
        if not self.leaving:
            self.leaving = True
            asyncio.get_running_loop().call_soon(self._leave)

    def _leave(self) -> None:
        self.leaving = False
        self.loaders.leave_cancelled()


class PendingRead(msgspec.Struct, eq=False):
    """A read that is queued or in flight. Lifetime: until its result is set.

    Args:
        account: The account that reads.
        key: The record.
        source: What caused the read.
        result: The future of the result.
        noticed_at: When it was requested, in seconds since 1970.
        waiters: How many subscriptions wait for it.
        required: Whether it continues without them: for a poll, a webhook or a mutation.
        task: The task that reads, once it is in flight.
        shared: The shared loaders, once it is in flight.
        charged: The list that its calls are added to; None charges no caller.
    """

    account: Account
    key: RecordKey
    source: StatusEventSource
    result: "asyncio.Future[RecordRead | None]"
    noticed_at: float
    waiters: int = 0
    required: bool = False
    task: "asyncio.Task[None] | None" = None
    shared: SharedLoaders | None = None
    charged: list[CallTrace] | None = None
