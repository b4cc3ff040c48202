"""Everything about status changes behind one door."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from resolvers.accounts import Account
from resolvers.catalogue import require_global_id, tracked_types
from resolvers.errors import BadInput, EventsUnavailable, GatewayError
from resolvers.events.broker import Broker
from resolvers.events.changes import Change, Observation, RecordKey, TrackedRecord, key_of
from resolvers.events.coordination import LocalCoordination, PollCoordination
from resolvers.events.cursors import Cursors
from resolvers.events.hints import Hints
from resolvers.events.left import LeftRecords
from resolvers.events.log import EventLog, LogUnreachable, Verdict
from resolvers.events.poller import PollConfig, Poller
from resolvers.events.reader import Reader
from resolvers.events.sources import Sources
from resolvers.events.start import Start
from resolvers.events.status_event import StatusEvent, StatusEventSource
from resolvers.events.stopping import stop
from resolvers.events.subscription import Subscription

logger = logging.getLogger(__name__)

MAX_FOLLOWED: Final = 500
"""Ids in one subscription; each takes a few bytes of every cursor."""

RETRY_SECONDS: Final = 2.0
"""After which it makes sense to subscribe again where the log was away."""

Forget = Callable[[RecordKey], Awaitable[None]]
"""Makes the record caches forget a record."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


async def forget_nothing(key: RecordKey) -> None:
    """Where there is no cache."""
    del key


@dataclass(frozen=True, slots=True)
class EventsConfig:
    """What the operator sets, and what tests bring.

    Args:
        polls: How often records are polled.
        queue_size: How many changes may wait for one subscriber.
        keep_seconds: How long after its last subscriber has left a record is still read at each webhook.
        secrets: Seal cursors; see `Cursors`.
        forget: Makes the record caches forget a record.
        now: The wall clock.
        clock: Seconds that only go forward; the event loop's where left out.
        sleep: Waits.
        chance: A number from 0 to 1.
    """

    polls: PollConfig = field(default_factory=PollConfig)
    queue_size: int = 256
    keep_seconds: float = 86_400
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    forget: Forget = forget_nothing
    now: Callable[[], datetime] = utc_now
    clock: Callable[[], float] | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random


class Events:
    """Follows, polls, listens to webhooks and mutations; process lifetime, between `start` and `close`.

    Args:
        log: Where changes are kept.
        coordination: Says who polls; None where this is the only process.
        config: What the operator sets.
    """

    def __init__(self, log: EventLog, coordination: PollCoordination | None, config: EventsConfig) -> None:
        self._own: Account | None = None
        self._log = log
        self._forget = config.forget
        self._now = config.now
        clock = config.clock or _loop_time
        self._reader = Reader(log, config.now, clock, config.sleep, config.polls.min_seconds, config.forget)
        left = LeftRecords(config.keep_seconds, clock)
        self._broker = Broker([self._reader.forget, self._on_change], self._on_hint, self._reader.forget_all, left)
        self._poller = Poller(
            self._broker,
            self._reader,
            coordination or LocalCoordination(),
            config.polls,
            clock=clock,
            sleep=config.sleep,
            chance=config.chance,
            on_missing=self._miss,
            on_unreadable=log.miss,
        )
        self._hints = Hints(self._spread_hint, config.sleep)
        self._checks = Hints(self._check_hint, config.sleep)
        self.cursors = Cursors(config.secrets)
        self._sources = Sources(
            log, self._broker, self._reader, self.cursors, config.now, config.sleep, config.queue_size
        )
        self._sleep = config.sleep
        self._running: asyncio.Task[None] | None = None

    async def start(self, own: Account) -> None:
        """Begin to listen to the log and to poll, as soon as the log can be reached.

        Args:
            own: The gateway's own account, to which webhooks belong.
        """
        self._own = own
        self._hints.start()
        self._checks.start()
        try:
            self._broker.position = await self._log.start(self._broker)
            self._running = asyncio.create_task(self._poller.run())
        except LogUnreachable as error:
            logger.warning("Status changes are not followed yet: %s", error)
            self._running = asyncio.create_task(self._start_later())

    async def close(self) -> None:
        """Stop everything; subscriptions must have ended."""
        if self._running is not None:
            await stop([self._running])
        await self._hints.close()
        await self._checks.close()
        await self._poller.close()
        await self._reader.close()
        await self._log.close()

    async def check(self) -> None:
        """Make sure that a subscription can begin now.

        Raises:
            EventsUnavailable: The log is away, full or read-only.
        """
        try:
            await self._log.check()
        except LogUnreachable as error:
            logger.warning("A subscription is refused: %s", error)
            message = (
                "Connect again later, with the last cursor as `after`: status changes cannot be followed just now."
            )
            raise EventsUnavailable(message, retry_after=RETRY_SECONDS) from error

    def follow(
        self, account: Account, ids: Sequence[str], after: str | None, start: Start | None = None
    ) -> AsyncGenerator[StatusEvent, None]:
        """The events of some things: see the contract's `statusChanged`.

        Args:
            account: Whose credentials read them, and what its caller may do.
            ids: Global IDs.
            after: The cursor of the last event that the subscriber has seen.
            start: Told of the calls that the start makes, and when it is over.

        Raises:
            BadInput: the cursor is none of ours, or there are too many ids.
        """
        if len(ids) > MAX_FOLLOWED:
            raise BadInput(f"One subscription follows up to {MAX_FOLLOWED} ids; open another one.", path=["ids"])
        place = None if after is None else self.cursors.open(account.identity, after)
        found = [(one, _key_or_refusal(account, one)) for one in dict.fromkeys(ids)]
        keys = [key for _, key in found if isinstance(key, RecordKey)]
        refused = [(one, error) for one, error in found if isinstance(error, GatewayError)]
        return Subscription(self._sources, account, keys, refused, start).events(place)

    @property
    def version(self) -> int:
        """To be noted before a mutation begins, for `record_changed`."""
        return self._log.version

    async def record_changed(
        self, account: Account, record: TrackedRecord, since: int, source: StatusEventSource
    ) -> None:
        """Tell the subscribers of a record that somebody has just changed or read; nothing is raised.

        Args:
            account: Whose credentials were used.
            record: As the upstream answered it.
            since: `version` when the asking began.
            source: What made somebody ask.
        """
        key = key_of(account.identity, record)
        observation = Observation(key, record, source, since, self._now())
        try:
            outcomes = await self._log.observe([observation])
        except LogUnreachable as error:
            logger.warning("A change of %s could not be logged; polls will find it: %s", key.global_id, error)
            return
        if outcomes[0].verdict in (Verdict.OUTRUN, Verdict.LATE):
            self._reader.read(account, key, source)

    def hint(self, kind: str, local_id: str) -> bool:
        """Take note that a record of the gateway's own account is said to have changed; returns at once.

        Every process forgets it, and one that follows it, or did until lately, reads it again.

        Returns:
            False where too many hints wait already.
        """
        return self._hints.offer(kind, local_id)

    async def _start_later(self) -> None:
        while True:
            await self._sleep(1.0)
            with suppress(LogUnreachable):
                self._broker.restarted(await self._log.start(self._broker))
                break
        await self._poller.run()

    async def _spread_hint(self, kind: str, local_id: str) -> None:
        """Forget the record everywhere, and tell every process, this one too, that it may have changed."""
        if self._own is not None:
            await self._forget(RecordKey(self._own.identity, kind, local_id))
            await self._log.hint(kind, local_id)

    async def _check_hint(self, kind: str, local_id: str) -> None:
        if self._own is not None:
            key = RecordKey(self._own.identity, kind, local_id)
            if await asyncio.shield(self._reader.read(self._own, key, StatusEventSource.WEBHOOK)) is None:
                await self._miss(key)

    async def _miss(self, key: RecordKey) -> None:
        """Let nobody be shown, or go on waiting for, what its upstream knows no more."""
        await self._forget(key)
        await self._log.miss(key)

    def _on_hint(self, kind: str, local_id: str) -> None:
        own = "" if self._own is None else self._own.identity
        self._poller.hinted(kind, local_id, besides=own)
        # A storm of webhooks about what nobody here follows must not become one of calls.
        if self._broker.may_tell_of(RecordKey(own, kind, local_id)):
            self._checks.offer(kind, local_id)

    def _on_change(self, change: Change) -> None:
        self._poller.changed(change)


def _key_or_refusal(account: Account, id: str) -> RecordKey | GatewayError:  # noqa: A002 - the contract's name
    try:
        found, own_id = require_global_id(id, ("ids",))
        if found.tracked is None:
            raise BadInput(
                f"{id!r} is the id of a {found.name}, which has no status to follow; "
                f"follow {', '.join(tracked_types())}.",
                path=["ids"],
            )
        account.require_read(found.upstream)
    except GatewayError as error:
        return error
    return RecordKey(account.identity, found.name, own_id)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
