"""The entry point of status changes: builds the parts and connects them.

::

    webhook -> hint queue -> log.hint() -> every process: Broker -> check queue -> Reader --.
    Poller (leases) -------------------------------------------------------------> Reader --+-> log.observe()
    mutation -> record_changed() -----------------------------------------------------------'        |
    subscriptions <- Broker <- changes of the log <--------------------------------------------------'
"""

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
from resolvers.events.activity import EventCounts, EventsActivity
from resolvers.events.board_subscription import BoardEvent, BoardSubscription, require_board
from resolvers.events.broker import Broker, RecentlyFollowed
from resolvers.events.changes import Change, Observation, RecordKey, key_of
from resolvers.events.coordination import LocalCoordination, PollCoordination
from resolvers.events.cursors import Cursors
from resolvers.events.hints import HintQueue
from resolvers.events.id_lists import IdList
from resolvers.events.interface import Start, StatusEvent, StatusEventSource, TrackedRecord
from resolvers.events.log import EventLog, LogUnreachable, Verdict
from resolvers.events.poller import PollConfig, Poller
from resolvers.events.reader import Reader
from resolvers.events.subscription import Subscription
from resolvers.events.subscription_reads import SubscriptionServices
from resolvers.later import stop
from resolvers.quoting import quoted
from resolvers.upstreams.call import CallContext

logger = logging.getLogger(__name__)

MAX_FOLLOWED: Final = 500
"""Ids in one subscription; each is read at its start."""

RETRY_SECONDS: Final = 2.0
"""Suggested wait before subscribing again while the log cannot be reached."""

Forget = Callable[[RecordKey], Awaitable[None]]
"""Removes a record from the record caches."""


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


async def forget_nothing(key: RecordKey) -> None:
    """Do nothing: there is no cache."""
    del key


@dataclass(frozen=True, slots=True)
class EventsConfig:
    """Settings of status changes, and the parts that tests replace.

    Args:
        polls: How often records are polled.
        queue_size: How many changes may be queued for one subscription.
        keep_seconds: How long a record is read at each webhook after its last subscriber has left.
        secrets: The secrets that seal cursors; see `Cursors`.
        forget: Removes a record from the record caches.
        now: The wall clock.
        clock: A monotonic clock, in seconds; None uses the event loop's.
        sleep: Sleeps.
        chance: Returns a random number from 0 to 1.
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
    """Follows status changes. Lifetime: process, between `start` and `close`.

    Args:
        log: The event log.
        coordination: Decides which process polls an account; None if there is only one process.
        config: Settings.

    Attributes:
        own: The gateway's own account, whose records webhooks are about; None before the start.
    """

    def __init__(self, log: EventLog, coordination: PollCoordination | None, config: EventsConfig) -> None:
        self.own: Account | None = None
        self._log = log
        self._forget = config.forget
        self._now = config.now
        clock = config.clock or _loop_time
        self._reader = Reader(log, config.now, clock, config.sleep, config.polls.min_seconds, config.forget)
        recent = RecentlyFollowed(config.keep_seconds, clock)
        self._broker = Broker([self._reader.forget, self._on_change], self._on_hint, self._reader.forget_all, recent)
        self._poller = Poller(
            self._broker,
            self._reader,
            coordination or LocalCoordination(),
            config.polls,
            clock=clock,
            sleep=config.sleep,
            chance=config.chance,
            on_missing=self._report_missing,
            on_unreadable=log.recheck,
        )
        # Two queues: one publishes hints that webhooks bring here, the other reads what any process has published.
        self._hints = HintQueue(self._publish_hint, config.sleep)
        self._checks = HintQueue(self._check_hint, config.sleep)
        self.cursors = Cursors(config.secrets)
        self._services = SubscriptionServices(
            log, self._broker, self._reader, self.cursors, config.now, config.sleep, config.queue_size
        )
        self._sleep = config.sleep
        self._running: asyncio.Task[None] | None = None

    @property
    def activity(self) -> EventsActivity:
        """What is followed, polled and queued now."""
        return EventsActivity(
            len(self._broker.watches),
            self._poller.polled,
            {"hints": len(self._hints), "checks": len(self._checks), "subscriptions": self._broker.queued},
            self._hints.dropped + self._checks.dropped,
            self._poller.lag,
        )

    async def start(self, own: Account) -> None:
        """Start to listen to the log and to poll, as soon as the log can be reached.

        Args:
            own: The gateway's own account, whose records webhooks are about.
        """
        self.own = own
        self._hints.start()
        self._checks.start()
        try:
            self._broker.position = await self._log.start(self._broker)
            self._running = asyncio.create_task(self._poller.run())
        except LogUnreachable as error:
            logger.warning("Status changes are not followed yet: %s", error)
            self._running = asyncio.create_task(self._start_later())

    async def close(self) -> None:
        """Stop all parts; subscriptions must have ended."""
        if self._running is not None:
            await stop([self._running])
        # What causes reads is stopped before the reader, and the reader before the log that compares what it reads.
        await self._hints.close()
        await self._checks.close()
        await self._poller.close()
        await self._reader.close()
        await self._log.close()

    async def check(self) -> None:
        """Check that a subscription can begin now.

        Raises:
            EventsUnavailable: The log cannot be reached, is full or read-only.
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
        self,
        account: Account,
        ids: Sequence[str],
        after: str | None,
        start: Start | None = None,
        carried: CallContext | None = None,
    ) -> AsyncGenerator[StatusEvent, None]:
        """Iterate over the events of some records: `statusChanged` in the schema.

        Args:
            account: The account that reads the records, with the caller's scopes.
            ids: The records' global IDs.
            after: The cursor of the subscriber's last event.
            start: Collects the calls of the start, and is ended with it.
            carried: What these calls carry of the subscription's request; None for nothing.

        Raises:
            BadInput: The cursor is invalid, or there are too many ids.
        """
        if len(ids) > MAX_FOLLOWED:
            raise BadInput(f"One subscription follows up to {MAX_FOLLOWED} ids; open another one.", path=["ids"])
        resume_point = None if after is None else self.cursors.open(account.identity, after)
        # An id that is given twice is followed once.
        found = [(one, _key_or_refusal(account, one)) for one in dict.fromkeys(ids)]
        keys = [key for _, key in found if isinstance(key, RecordKey)]
        refused = [(one, error) for one, error in found if isinstance(error, GatewayError)]
        listed = IdList([one for one, _ in found])
        return Subscription(self._services, account, keys, listed, refused, start, carried).events(resume_point)

    def follow_board(
        self,
        account: Account,
        kind: str,
        local_id: str,
        after: str | None,
        start: Start | None = None,
        carried: CallContext | None = None,
    ) -> AsyncGenerator[BoardEvent, None]:
        """Iterate over the events of a board: `changes` in the schema.

        Args:
            account: The account that reads the board.
            kind: The type of board.
            local_id: Its filter, encoded.
            after: The cursor of the subscriber's last event.
            start: Collects the calls of the start, and is ended with it.
            carried: What these calls carry of the subscription's request; None for nothing.

        Raises:
            BadInput: The cursor is invalid, or one of another board.
        """
        key = RecordKey(account.identity, kind, local_id)
        resume_point = None if after is None else self.cursors.open(account.identity, after)
        require_board(resume_point, key)
        return BoardSubscription(self._services, account, key, start, carried).events(resume_point, after)

    @property
    def version(self) -> int:
        """The log's version, to be read before a mutation begins and passed to `record_changed`."""
        return self._log.version

    async def record_changed(
        self, account: Account, record: TrackedRecord, since: int, source: StatusEventSource
    ) -> None:
        """Report a record that was just changed or read to its subscriptions; never raises.

        Args:
            account: The account that was used.
            record: The record as the upstream returned it.
            since: `version` from before the upstream call.
            source: What caused the call.
        """
        key = key_of(account.identity, record)
        now = self._now()
        self._poller.poll_boards(account.identity, key.kind)
        observation = Observation(key, record, source, since, now, noticed_at=now.timestamp())
        try:
            outcomes = await self._log.observe([observation])
        except LogUnreachable as error:
            logger.warning("A change of %s could not be logged; polls will find it: %s", key.global_id, error)
            return
        # It is not certain that the call has seen the record's last status; a read decides.
        if outcomes[0].verdict in (Verdict.OUTRUN, Verdict.LATE):
            self._reader.read(account, key, source)

    @property
    def counts(self) -> EventCounts:
        """What this process follows and polls at present."""
        return EventCounts(len(self._broker.watches), self._poller.polled, self._poller.leases)

    def hint(self, kind: str, local_id: str) -> bool:
        """Queue a hint that a record of the gateway's own account may have changed; returns at once.

        Every process removes it from its cache; one that follows it, or did so recently, reads it again.

        Returns:
            False if the queue is full.
        """
        return self._hints.offer(kind, local_id)

    async def _start_later(self) -> None:
        while True:
            await self._sleep(1.0)
            with suppress(LogUnreachable):
                # Subscriptions that began meanwhile have seen none of the changes.
                self._broker.restarted(await self._log.start(self._broker))
                break
        await self._poller.run()

    async def _publish_hint(self, kind: str, local_id: str) -> None:
        """Remove the record from the caches, and pass the hint on to every process, including this one."""
        if self.own is not None:
            await self._forget(RecordKey(self.own.identity, kind, local_id))
            await self._log.hint(kind, local_id)

    async def _check_hint(self, kind: str, local_id: str) -> None:
        if self.own is not None:
            key = RecordKey(self.own.identity, kind, local_id)
            # The future is shared with subscriptions, and must not be cancelled with this worker.
            if await asyncio.shield(self._reader.read(self.own, key, StatusEventSource.WEBHOOK)) is None:
                await self._report_missing(key)

    async def _report_missing(self, key: RecordKey) -> None:
        """Remove a record that its upstream no longer knows from the caches, and make its subscriptions read it."""
        await self._forget(key)
        await self._log.recheck(key)

    def _on_hint(self, kind: str, local_id: str) -> None:
        own = "" if self.own is None else self.own.identity
        self._poller.poll_boards(own, kind)
        self._poller.hinted(kind, local_id, except_identity=own)
        # Webhooks are not signed: those about records that are not followed here must not cause calls.
        if self._broker.is_followed(RecordKey(own, kind, local_id)):
            self._checks.offer(kind, local_id)

    def _on_change(self, change: Change) -> None:
        self._poller.changed(change)
        self._poller.poll_boards(change.key.identity, change.key.kind)


def _key_or_refusal(account: Account, id: str) -> RecordKey | GatewayError:  # noqa: A002 - the contract's name
    try:
        found, own_id = require_global_id(id, ("ids",))
        if found.tracked is None:
            raise BadInput(
                f"{quoted(id)} is the id of a {found.name}, which has no status to follow; "
                f"follow {', '.join(tracked_types())}.",
                path=["ids"],
            )
        account.require_read(found.upstream)
    except GatewayError as error:
        return error
    return RecordKey(account.identity, found.name, own_id)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
