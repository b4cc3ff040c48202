"""Reads for events that are queued or in flight, and what those share that were requested together."""

import asyncio
from collections.abc import Sequence

import msgspec

from resolvers.accounts import Account
from resolvers.events.changes import RecordKey, RecordRead
from resolvers.events.interface import StatusEventSource
from resolvers.loading.loaders import RecordLoaders
from resolvers.upstreams.call import CallContext, CallScope, CallTrace


class SharedLoaders(msgspec.Struct, eq=False):
    """The loaders that reads requested together share. Lifetime: these reads.

    Args:
        loaders: Fetch the records.
        scope: The deadline of the calls and the list of those made so far; what they carry is that of the first read
            that brings something.
        charged: How many of those calls have been charged or need not be.
        fetching: How many of the reads are waiting for the upstream.
        leaving: Whether cancelled reads are about to be removed.
    """

    loaders: RecordLoaders
    scope: CallScope
    charged: int = 0
    fetching: int = 0
    leaving: bool = False

    @property
    def traces(self) -> list[CallTrace]:
        """The calls made so far."""
        assert self.scope.traces is not None  # noqa: S101 - made with a list
        return self.scope.traces

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
        carried: What its calls carry of the request that it is made for; None for nothing.
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
    carried: CallContext | None = None


def calls_about(local_id: str, traces: Sequence[CallTrace]) -> tuple[CallTrace, ...]:
    """Return those of some calls whose target names a record; a call may fetch several."""
    return tuple(one for one in traces if _names(one.target, local_id))


def _names(target: str, local_id: str) -> bool:
    at = target.find(local_id)
    while at >= 0:
        around = target[at - 1 : at] + target[at + len(local_id) : at + len(local_id) + 1]
        # The id 1 is no part of the id 12.
        if not any(one.isalnum() for one in around):
            return True
        at = target.find(local_id, at + 1)
    return False
