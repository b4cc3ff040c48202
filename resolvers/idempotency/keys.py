"""Idempotency keys: a change that is requested twice under one key is made once.

Theory of operation
-------------------
A key is kept under its caller, with the fingerprint of the input and the state of each upstream request that the change
takes (`outcomes.Parts`). A state is written *before* the step that it stands for can have an effect::

    claim --> not there --> sent ------> send ------> outcome
                 ^           |             |             `--> a repeat replays it, for a day
                 |           |             |
                 |           |             |--> refused before it had an effect, and may succeed later: not there again
                 |           |             `--> outcome unknown, or this process is killed: stays `sent`
                 |           v
                 |      a repeat looks at the upstream --> found: outcome
                 |           |                         --> may be there: answered as unknown, and nothing is sent
                 `-----------'------------------------ --> not there, and the upstream has had time: sent again

- **One at a time.** Who claims a key owns it by a lease, renewed while it works. Others wait for its end and claim
  again: they then find its outcome, which joins them to it. A killed owner's lease runs out within seconds.
- **An owner that was away.** A process that was suspended past its lease may find that another owns the key: it cannot
  write `sent`, so it sends nothing. If it was suspended just between the mark and the request, the request can still
  leave late, but not after its operation's deadline. So that nothing is found is believed only after that deadline and
  `UPSTREAM_SECONDS` more, when neither the request nor the upstream's work on it can be under way.
- **Nothing unprotected.** While the store is away, nothing is sent. If it goes away after the mark, the outcome is
  answered, and a repeat looks.
- **Several requests.** A change of many tasks takes a request for each 20; each has a state of its own, so that a
  repeat sends those that were not sent, and no other.
- **Another input** under the same key is refused. A key under which nothing was sent or decided is forgotten at once.

What is kept when an upstream refuses for good (400, 404, 409, 422) is the refusal. What the gateway refuses before it
sends anything, and what may succeed later, is not kept.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from math import inf
from secrets import token_hex
from typing import Final

import msgspec

from resolvers.errors import BadInput, GatewayError, IdempotencyKeyInUse, IdempotencyUnavailable, RateLimited
from resolvers.idempotency.run import UPSTREAM_SECONDS, KeyCounts, KeyedRun, Lease
from resolvers.idempotency.secrets import IdempotencyKey, KeySecrets
from resolvers.idempotency.store import Claimed, KeyName, KeyStore, Verdict
from resolvers.upstreams.encoding import request_body

LEASE_SECONDS: Final = 5.0
"""After so long without a sign of its owner, a key is another's to claim."""

RENEW_SECONDS: Final = 1.5

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 0.5
"""Seconds between two looks at a key that another process owns; each pause is twice the one before."""


class IdempotencyKeys:
    """The idempotency keys of all callers. Lifetime: process.

    Args:
        store: Keeps them.
        counts: Counts what became of them.
        deadline_seconds: The longest duration of one operation.
        now: The wall clock, in seconds since 1970.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        store: KeyStore,
        counts: KeyCounts | None = None,
        deadline_seconds: float = 15.0,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.counts = counts or KeyCounts()
        self._store = store
        self._settle_seconds = deadline_seconds + UPSTREAM_SECONDS
        self._now = now
        self._sleep = sleep
        self._ended: dict[KeyName, asyncio.Event] = {}

    @asynccontextmanager
    async def run(
        self, secrets: KeySecrets, key: IdempotencyKey, change: object, parts: int, deadline: float
    ) -> AsyncIterator[KeyedRun]:
        """Make a change under a key within the block, once no other request does.

        Args:
            secrets: Of the key.
            key: The key.
            change: All that the change is made of; another one under the same key is refused.
            parts: The number of upstream requests that it takes.
            deadline: By the event loop's clock, until when to wait for another request with this key.

        Raises:
            BadInput: The key was first used with another input.
            RateLimited: The caller has as many keys as it may have.
            IdempotencyKeyInUse: Another request with this key did not end in time.
            IdempotencyUnavailable: The store does not respond.
        """
        owner = token_hex(16)
        claimed = await self._claimed(secrets, key, change, owner, deadline)
        lease = Lease(self._store, secrets, owner, LEASE_SECONDS)
        run = KeyedRun(lease, claimed, parts, self.counts, settle_seconds=self._settle_seconds, now=self._now)
        if claimed.verdict is Verdict.SETTLED:
            self.counts.replayed += 1
            yield run
            return
        ended = self._ended[secrets.name] = asyncio.Event()
        renewing = asyncio.get_running_loop().create_task(self._renew(lease))
        try:
            yield run
        finally:
            renewing.cancel()
            try:
                # The lease runs out by itself.
                with suppress(IdempotencyUnavailable):
                    await run.end()
            finally:
                ended.set()
                if self._ended.get(secrets.name) is ended:
                    del self._ended[secrets.name]

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()

    async def _claimed(
        self, secrets: KeySecrets, key: IdempotencyKey, change: object, owner: str, deadline: float
    ) -> Claimed:
        fingerprint = secrets.fingerprint(_bytes_of(change))
        pause, waited = FIRST_PAUSE, False
        while True:
            claimed = await self._claim(secrets.name, fingerprint, owner)
            if claimed.verdict is not Verdict.BUSY:
                break
            waited = True
            await self._wait(secrets.name, pause, deadline)
            pause = min(LONGEST_PAUSE, 2 * pause)
        refusal = self._refusal(claimed.verdict, key)
        if refusal is not None:
            raise refusal
        self.counts.joined += waited
        return claimed

    async def _claim(self, name: KeyName, fingerprint: bytes, owner: str) -> Claimed:
        try:
            return await self._store.claim(name, fingerprint, owner, LEASE_SECONDS)
        except IdempotencyUnavailable:
            self.counts.unavailable += 1
            raise

    def _refusal(self, verdict: Verdict, key: IdempotencyKey) -> GatewayError | None:
        if verdict is Verdict.OTHER_INPUT:
            self.counts.other_input += 1
            return BadInput(
                "This idempotency key was first used with another input or account; give each change a key of its own.",
                path=key.path,
            )
        if verdict is Verdict.FULL:
            self.counts.too_many += 1
            return RateLimited("This caller has as many idempotency keys as it may have; they are kept for a while.")
        return None

    async def _wait(self, name: KeyName, pause: float, deadline: float) -> None:
        """Wait until another request with a key may have ended.

        Raises:
            IdempotencyKeyInUse: The time is up.
        """
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            self.counts.in_use += 1
            raise IdempotencyKeyInUse(
                "The first request with this idempotency key is still in progress; send it again later."
            )
        ended = self._ended.get(name)
        if ended is None:
            await self._sleep(min(pause, left))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(None if left == inf else left):
                await ended.wait()

    async def _renew(self, lease: Lease) -> None:
        while True:
            await self._sleep(RENEW_SECONDS)
            with suppress(IdempotencyUnavailable):
                await lease.renew()


def _bytes_of(change: object) -> bytes:
    try:
        # Sorted, so that the order in which a client writes the members of an object makes no other input.
        return msgspec.json.encode(change, order="sorted")
    except UnicodeEncodeError:
        # Raises BadInput: it could not be sent either.
        return request_body(change)


class CallerKeys:
    """The idempotency keys of one operation. Lifetime: operation.

    Args:
        keys: The keys of all callers.
        caller: The caller's name.
        header: The key of the whole request, by its header; None if it has none.

    Attributes:
        header: As above.
        replayed: For each field with a key, by its response name, whether it was answered without sending anything.
    """

    def __init__(self, keys: IdempotencyKeys, caller: str, header: str | None = None) -> None:
        self._keys = keys
        self._caller = caller
        self.header = header
        self.replayed: dict[str, bool] = {}

    def secrets(self, key: IdempotencyKey) -> KeySecrets:
        """Return what is derived from a key."""
        return KeySecrets(self._caller, key)

    @asynccontextmanager
    async def run(self, key: IdempotencyKey, change: object, parts: int, deadline: float) -> AsyncIterator[KeyedRun]:
        """Make a change under a key within the block; see `IdempotencyKeys.run`."""
        self.replayed[key.name] = False
        async with self._keys.run(self.secrets(key), key, change, parts, deadline) as run:
            try:
                yield run
            finally:
                self.replayed[key.name] = run.replayed
