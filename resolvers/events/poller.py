"""Polls the followed records: each once for all its subscriptions, and less often the longer it does not change.

Theory of operation
-------------------
At each tick, about once a second, the poller renews the polling leases of the accounts that subscriptions of this
process follow records of (see coordination.py), and reads those records of the leased accounts that are due::

    not leased -- lease claimed --> scheduled -- due --> in flight -- CHANGE found --> next after `min_seconds`
        ^                               |                   |-- no change, or failed --> interval doubled
        `---- lease lost ---------------'                   `-- final status --> never due again

While webhooks arrive for a kind of record, its intervals are longer by `webhook_factor`: polls are then only a
safeguard against webhooks that get lost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass

from resolvers.accounts import Account
from resolvers.errors import GatewayError, UpstreamBadAnswer
from resolvers.events.broker import Broker
from resolvers.events.changes import Change, RecordKey
from resolvers.events.coordination import PollCoordination
from resolvers.events.interface import StatusEventSource
from resolvers.events.log import LogUnreachable
from resolvers.events.reader import Reader
from resolvers.histogram import Histogram
from resolvers.later import stop

logger = logging.getLogger(__name__)


LAGS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds in seconds of how late polls begin; up to the time between two ticks is to be expected."""


@dataclass(frozen=True, slots=True)
class PollConfig:
    """How often records are polled.

    Args:
        min_seconds: The interval after a change.
        max_seconds: The longest interval; without a change, the interval doubles after each poll up to this.
        webhook_factor: The factor by which intervals are longer while webhooks arrive.
        webhook_seconds: How long after the last webhook about a kind of record webhooks are taken to arrive.
        tick_seconds: The interval at which leases are renewed and due records are read. Records that become due
            between two ticks are read together.
    """

    min_seconds: float = 2.0
    max_seconds: float = 60.0
    webhook_factor: float = 5.0
    webhook_seconds: float = 600.0
    tick_seconds: float = 1.0


class _Schedule:
    """The polls of one record. Lifetime: while this process polls the record.

    Attributes:
        interval: Seconds between two polls.
        due: When the record is polled next, by the poller's clock.
        final: Whether the status is final, so that no further poll is needed.
        in_flight: Whether a poll is in flight.
        polled_at: When the last poll began.
        unreadable: Whether the last poll found the record unreadable, which has been reported.
    """

    __slots__ = ("due", "final", "in_flight", "interval", "polled_at", "unreadable")

    def __init__(self, interval: float, due: float) -> None:
        self.interval = interval
        self.due = due
        self.final = False
        self.in_flight = False
        self.polled_at = float("-inf")
        self.unreadable = False


class Poller:
    """Polls the followed records of the accounts whose polling lease this process holds. Lifetime: process.

    Args:
        broker: Holds the followed records of this process.
        reader: Reads the records.
        coordination: Decides which process polls for an account.
        config: How often records are polled.
        clock: A monotonic clock, in seconds.
        sleep: Waits between two ticks; takes seconds.
        chance: Returns a random number from 0 to 1, which spreads polls that would be due together.
        on_missing: Called with a polled record that the upstream does not know any more.
        on_unreadable: Called with a polled record that the upstream returns in a form that cannot be read; once until
            it can be read again.

    Attributes:
        lag: How late polls began, in seconds.
    """

    def __init__(  # noqa: PLR0913 - time and chance are parameters
        self,
        broker: Broker,
        reader: Reader,
        coordination: PollCoordination,
        config: PollConfig,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        chance: Callable[[], float],
        on_missing: Callable[[RecordKey], Awaitable[None]],
        on_unreadable: Callable[[RecordKey], Awaitable[None]],
    ) -> None:
        self._broker = broker
        self._reader = reader
        self._coordination = coordination
        self._config = config
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._on_missing = on_missing
        self._on_unreadable = on_unreadable
        self._schedules: dict[RecordKey, _Schedule] = {}
        self._accounts: dict[str, Account] = {}
        self._webhook_at: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.lag = Histogram(LAGS)

    @property
    def polled(self) -> int:
        """How many records this process polls."""
        return len(self._schedules)

    @property
    def leases(self) -> int:
        """How many accounts this process polls."""
        return len({key.identity for key in self._schedules})

    async def run(self) -> None:
        """Poll until cancelled."""
        reachable = True
        # A tick that is longer than the shortest interval would delay polls.
        tick = min(self._config.tick_seconds, self._config.min_seconds)
        while True:
            try:
                await self._claim()
                self._poll_due()
                reachable = True
            except LogUnreachable as error:
                if reachable:
                    logger.warning("Nothing is polled until it is known who polls: %s", error)
                reachable = False
                # Another process may have taken the leases over.
                self._schedules.clear()
            except Exception:
                logger.exception("Polling stumbled, and goes on.")
                self._schedules.clear()
            await self._sleep(tick)

    async def close(self) -> None:
        """Cancel the polls in flight and release the leases."""
        await stop(self._tasks)
        try:
            await self._coordination.release(list(self._accounts))
        except Exception as error:  # noqa: BLE001 - the leases end by themselves
            logger.warning("The polling leases could not be given up, and end by themselves: %s", error)

    def changed(self, change: Change) -> None:
        """Poll a changed record at the shortest interval again."""
        if change.source is StatusEventSource.WEBHOOK:
            self._webhook_at[change.key.kind] = self._clock()
        schedule = self._schedules.get(change.key)
        if schedule is not None:
            schedule.final = change.record.final
            # A record that has just changed is likely to change again soon.
            schedule.interval = self._config.min_seconds
            schedule.due = self._next_due(change.key, schedule)

    def hinted(self, kind: str, local_id: str, *, except_identity: str) -> None:
        """Read a record that a webhook is about for every account that polls it, except one.

        Args:
            kind: The record's type.
            local_id: The upstream's own id.
            except_identity: The account that the caller reads the record for.
        """
        # A hint proves that webhooks arrive, even if the record has not changed.
        self._webhook_at[kind] = self._clock()
        for identity, account in self._accounts.items():
            key = RecordKey(identity, kind, local_id)
            if identity != except_identity and key in self._schedules:
                self._reader.read(account, key, StatusEventSource.WEBHOOK)

    def poll_boards(self, identity: str, kind: str) -> None:
        """Poll the boards that a changed record may be on, as soon as the shortest interval permits.

        Args:
            identity: The account that the change was noticed for.
            kind: The record's type.
        """
        earliest = self._clock()
        for key, schedule in self._schedules.items():
            if key.kind == f"{kind}Board" and key.identity == identity:
                schedule.due = min(schedule.due, max(earliest, schedule.polled_at + self._config.min_seconds))
                # Doubled by a poll in flight that has begun before the change and finds nothing.
                schedule.interval = self._config.min_seconds / 2

    async def _claim(self) -> None:
        """Claim or renew the leases of all followed accounts, and schedule the records of the leased ones."""
        followed: dict[str, list[RecordKey]] = {}
        accounts: dict[str, Account] = {}
        for key, watch in self._broker.watches.items():
            followed.setdefault(key.identity, []).append(key)
            accounts[key.identity] = watch.account
        left = [identity for identity in self._accounts if identity not in accounts]
        self._accounts = accounts
        if left:
            await self._coordination.release(left)
        leased: set[RecordKey] = set()
        for identity, keys in followed.items():
            leased |= await self._coordination.share(identity, keys) or set()
        self._schedule(leased)

    def _schedule(self, leased: Collection[RecordKey]) -> None:
        """Schedule exactly these records; those that are scheduled already keep their schedules."""
        # A copy, because the loop deletes entries.
        for key in [key for key in self._schedules if key not in leased]:
            del self._schedules[key]
        for key in leased:
            if key not in self._schedules:
                schedule = self._schedules[key] = _Schedule(self._config.min_seconds, self._clock())
                # A subscription of this process has just read the record itself. One of another process may have read
                # it long ago, so its record is due now.
                if key in self._broker.watches:
                    schedule.due = self._next_due(key, schedule)

    def _poll_due(self) -> None:
        now = self._clock()
        for key, schedule in self._due(now):
            schedule.in_flight, schedule.polled_at = True, now
            self.lag.add(now - schedule.due)
            task = asyncio.create_task(self._poll(key, schedule))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _due(self, now: float) -> Iterator[tuple[RecordKey, _Schedule]]:
        for key, schedule in self._schedules.items():
            if schedule.due <= now and not schedule.final and not schedule.in_flight:
                yield key, schedule

    async def _poll(self, key: RecordKey, schedule: _Schedule) -> None:
        changed = False
        try:
            changed = await self._read(key, schedule)
        except (GatewayError, LogUnreachable) as error:
            logger.info("%s could not be polled: %s", key.global_id, error)
        except Exception:
            # Polled again at its usual time, because one that stayed due would be read at each tick.
            logger.exception("Polling %s failed in a way that is not foreseen, and goes on.", key.global_id)
        finally:
            schedule.in_flight = False
        shortest, longest = self._config.min_seconds, self._config.max_seconds
        schedule.interval = shortest if changed else min(schedule.interval * 2, longest)
        schedule.due = self._next_due(key, schedule)

    async def _read(self, key: RecordKey, schedule: _Schedule) -> bool:
        """Read a record and return whether it has changed; report it if it is missing or unreadable."""
        account = self._accounts[key.identity]
        try:
            # The read is shared with subscriptions, which must not lose it when this poll is cancelled.
            result = await asyncio.shield(self._reader.read(account, key, StatusEventSource.POLL))
        except UpstreamBadAnswer:
            # Once, because each report makes every subscription read the record again.
            if not schedule.unreadable:
                await self._on_unreadable(key)
                schedule.unreadable = True
            raise
        schedule.unreadable = False
        if result is None:
            await self._on_missing(key)
            return False
        schedule.final = result.record.final
        return result.changed

    def _next_due(self, key: RecordKey, schedule: _Schedule) -> float:
        now, seconds = self._clock(), schedule.interval
        if now - self._webhook_at.get(key.kind, float("-inf")) <= self._config.webhook_seconds:
            seconds *= self._config.webhook_factor
        # Up to a tenth earlier, so that records that were followed together are not always polled together.
        return now + seconds * (1 - 0.1 * self._chance())
