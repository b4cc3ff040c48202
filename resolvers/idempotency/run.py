"""One change under an idempotency key: the states of its upstream requests, and each step from one to the next."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from resolvers.errors import (
    GatewayError,
    IdempotencyKeyInUse,
    IdempotencyUnavailable,
    OutcomeUnknown,
    OutcomeUnsettled,
    UpstreamError,
    UpstreamRefusal,
    UpstreamUnconfigured,
)
from resolvers.idempotency.outcomes import Kept, Looked, Made, Parts, Request, Sent, kept_error, opened, sealed
from resolvers.idempotency.secrets import KeySecrets
from resolvers.idempotency.store import Claimed, KeyStore, Verdict
from resolvers.idempotency.window import window_of

Record = TypeVar("Record")

UPSTREAM_SECONDS: Final = 45.0
"""How long an upstream may be at work on a request after its connection was closed, and show nothing of it."""

logger = logging.getLogger(__name__)


class KeyCounts(msgspec.Struct):
    """Counts changes under idempotency keys, by what became of them. Lifetime: process.

    Args:
        sent: Upstream requests that were sent.
        replayed: Changes answered from kept outcomes.
        joined: Changes that waited for another request with the same key.
        found: Unknown outcomes settled by what the upstream showed.
        absent: Unknown outcomes settled by what the upstream did not show.
        unknown: Changes answered as unknown.
        not_kept: Outcomes that could not be kept after the request was sent.
        other_input: Changes refused because their key had been used with another input.
        in_use: Changes refused because another request with their key did not end in time.
        too_many: Changes refused because their caller had too many keys.
        unavailable: Changes refused because the store did not respond.
    """

    sent: int = 0
    replayed: int = 0
    joined: int = 0
    found: int = 0
    absent: int = 0
    unknown: int = 0
    not_kept: int = 0
    other_input: int = 0
    in_use: int = 0
    too_many: int = 0
    unavailable: int = 0


class Lease:
    """The ownership of one key. Lifetime: that of one change.

    Args:
        store: Keeps the key.
        secrets: Of the key.
        owner: Names the change.
        seconds: How long the lease is each time it is renewed.
    """

    def __init__(self, store: KeyStore, secrets: KeySecrets, owner: str, seconds: float) -> None:
        self._store = store
        self._name = secrets.name
        self.seal = secrets.seal
        self._owner = owner
        self._seconds = seconds

    async def write(self, parts: Parts, *, settled: bool = False, ends: bool = False) -> bool:
        """Keep the states of all requests, and return whether the key is still owned.

        Args:
            parts: The states.
            settled: Whether they are all known.
            ends: Whether the lease is given back.

        Raises:
            IdempotencyUnavailable: The store does not respond.
        """
        seconds = 0.0 if ends else self._seconds
        return await self._store.write(self._name, self._owner, sealed(parts, self.seal), seconds, settled=settled)

    async def renew(self) -> None:
        """Renew the lease."""
        await self._store.extend(self._name, self._owner, self._seconds)


class KeyedRun:
    """One change under a key. Lifetime: that of the change.

    Args:
        lease: The ownership of the key.
        claimed: What was kept under it before.
        parts: The number of upstream requests of the change.
        counts: Counts what becomes of them.
        settle_seconds: So long after a request was about to be sent, what the upstream does not show it has not done.
        now: The wall clock, in seconds since 1970.

    Attributes:
        replayed: Whether nothing was sent.
        is_known: Whether the key has been used before.
    """

    def __init__(
        self,
        lease: Lease,
        claimed: Claimed,
        parts: int,
        counts: KeyCounts,
        *,
        settle_seconds: float,
        now: Callable[[], float],
    ) -> None:
        self._settle_seconds = settle_seconds
        self._lease = lease
        self._parts = opened(claimed.content, lease.seal)
        self._count = parts
        self._counts = counts
        self._now = now
        self._writing = asyncio.Lock()
        self._settled = claimed.verdict is Verdict.SETTLED
        self.replayed = True
        self.is_known = bool(self._parts)

    async def part(self, number: int, request: Request[Record]) -> Made[Record]:
        """Return what an upstream request of the change brought about: kept, found, or by sending it now.

        Args:
            number: Which of the requests it is, from 0.
            request: The request.

        Raises:
            UpstreamRefusal: The upstream refused it, now or the first time.
            OutcomeUnknown: It may have taken effect the last time, and nothing was sent.
            GatewayError: It was not sent, or its outcome is unknown.
        """
        state = self._parts.get(number)
        if isinstance(state, Kept):
            return state.made()
        if state is not None:
            found = await self._look(number, state, request)
            if found is not None:
                return found
        return await self._send(number, request)

    async def end(self) -> None:
        """Give the key back.

        Raises:
            IdempotencyUnavailable: The store does not respond.
        """
        if not self._settled:
            async with self._writing:
                await self._lease.write(self._parts, ends=True)

    async def _look(self, number: int, sent: Sent, request: Request[Record]) -> Made[Record] | None:
        """Look at the upstream for what a request of unknown outcome made; None if it is not there for certain.

        Raises:
            OutcomeUnknown: It may be there.
        """
        found = await self._looked(sent, request)
        if isinstance(found, Made):
            self._counts.found += 1
            await self._keep(number, Kept.of(found))
            return found
        settled_in = sent.at + self._settle_seconds - self._now()
        if found is Looked.ABSENT and (request.guarded or settled_in <= 0):
            self._counts.absent += 1
            return None
        self._counts.unknown += 1
        if found is Looked.ABSENT:
            raise OutcomeUnsettled(
                request.upstream,
                f"An earlier request with this idempotency key may have made {request.noun}, which "
                f"{request.upstream.name} does not show yet; nothing was sent. Send it again later with the same key.",
                retry_after=settled_in,
            )
        raise _unknown(request)

    async def _looked(self, sent: Sent, request: Request[Record]) -> Made[Record] | Looked:
        if request.find is None:
            return Looked.UNSURE
        try:
            return await request.find(window_of(sent.at, self._settle_seconds))
        except UpstreamUnconfigured:
            return Looked.UNSURE
        except UpstreamError as error:
            self._counts.unknown += 1
            raise OutcomeUnsettled(
                request.upstream,
                f"An earlier request with this idempotency key may have made {request.noun}, and looking for it "
                f"failed; nothing was sent. Send it again later with the same key. {error.message}",
                retry_after=error.retry_after,
            ) from error

    async def _send(self, number: int, request: Request[Record]) -> Made[Record]:
        await self._mark(number)
        self._counts.sent += 1
        try:
            made = await request.send()
        except GatewayError as error:
            if isinstance(error, UpstreamRefusal) and not error.retryable:
                await self._keep(number, Kept(refusal=kept_error(error)))
            elif not (isinstance(error, UpstreamError) and error.outcome_unknown):
                await self._forget(number)
            raise
        await self._keep(number, Kept.of(made))
        return made

    async def _mark(self, number: int) -> None:
        """Note, durably, that a request is about to be sent.

        Raises:
            IdempotencyUnavailable: The store does not respond; nothing may be sent.
            IdempotencyKeyInUse: The key belongs to another request by now; nothing may be sent.
        """
        async with self._writing:
            marked = self._parts | {number: Sent(self._now())}
            if not await self._lease.write(marked):
                raise IdempotencyKeyInUse(
                    "This request was held up, and another one with the same idempotency key has taken over; send it "
                    "again later."
                )
            self._parts = marked
        self.replayed = False

    async def _keep(self, number: int, state: Kept) -> None:
        """Keep a known outcome; it is answered even if that fails."""
        async with self._writing:
            self._parts[number] = state
            settled = len(self._parts) == self._count and all(isinstance(one, Kept) for one in self._parts.values())
            # With the last outcome the key is given back, which saves a write.
            if await self._written(settled=settled):
                self._settled = settled

    async def _forget(self, number: int) -> None:
        async with self._writing:
            self._parts.pop(number, None)
            await self._written(settled=False)

    async def _written(self, *, settled: bool) -> bool:
        try:
            written = await self._lease.write(self._parts, settled=settled, ends=settled)
        except IdempotencyUnavailable:
            written = False
        if not written:
            self._counts.not_kept += 1
            logger.warning("The outcome under an idempotency key could not be kept: a repeat looks at the upstream.")
        return written


class UnkeyedRun:
    """A change without a key: each request is sent. Lifetime: that of the change."""

    is_known = False

    async def part(self, number: int, request: Request[Record]) -> Made[Record]:  # noqa: ARG002 - as `KeyedRun.part`
        """Send a request of the change."""
        return await request.send()


def _unknown(request: Request[Record]) -> OutcomeUnknown:
    return OutcomeUnknown(
        request.upstream,
        f"An earlier request with this idempotency key may have made {request.noun}, and {request.upstream.name} "
        "cannot show whether it did; nothing was sent. Look for it yourself; to send it again all the same, take "
        "another key.",
    )
