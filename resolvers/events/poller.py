"""Polls what is followed, each record once whoever follows it, and the less often the less it changes."""

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
from resolvers.later import stop

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PollConfig:
    """How often a record is polled.

    Args:
        min_seconds: The interval just after a change.
        max_seconds: The interval to which it doubles while nothing changes.
        webhook_factor: How much longer the intervals of tasks are as long as webhooks arrive.
        webhook_seconds: How long after a webhook they are said to arrive.
        tick_seconds: How often leases are renewed and due records looked for; what falls due in between is polled
            together.
    """

    min_seconds: float = 2.0
    max_seconds: float = 60.0
    webhook_factor: float = 5.0
    webhook_seconds: float = 600.0
    tick_seconds: float = 1.0


class _Polled:
    """When a record is polled next; lives as long as this process polls it."""

    __slots__ = ("due", "final", "interval", "on_its_way", "unreadable")

    def __init__(self, interval: float, due: float) -> None:
        self.interval = interval
        self.due = due
        self.final = False
        self.on_its_way = False
        self.unreadable = False


class Poller:
    """Polls for all subscribers of the accounts whose lease it holds; process lifetime.

    Args:
        broker: Knows what is followed here.
        reader: Reads.
        coordination: Says what this process polls.
        config: How often.
        clock: Seconds that only go forward.
        sleep: Waits between two ticks.
        chance: A number from 0 to 1, by which polls of many records spread.
        on_missing: Told of records that are polled and that their upstream does not know any more.
        on_unreadable: Told once of each that its upstream does not answer as its documents say.
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
        self._polled: dict[RecordKey, _Polled] = {}
        self._accounts: dict[str, Account] = {}
        self._webhook_at: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Poll until cancelled."""
        reachable = True
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
                self._polled.clear()
            except Exception:
                logger.exception("Polling stumbled, and goes on.")
                self._polled.clear()
            await self._sleep(tick)

    async def close(self) -> None:
        """Give up what is on its way, and let other processes poll."""
        await stop(self._tasks)
        try:
            await self._coordination.release(list(self._accounts))
        except Exception as error:  # noqa: BLE001 - the leases end by themselves
            logger.warning("The polling leases could not be given up, and end by themselves: %s", error)

    def changed(self, change: Change) -> None:
        """A record that has just changed is likely to change again soon."""
        if change.source is StatusEventSource.WEBHOOK:
            self._webhook_at[change.key.kind] = self._clock()
        polled = self._polled.get(change.key)
        if polled is not None:
            polled.final = change.record.final
            polled.interval = self._config.min_seconds
            polled.due = self._due(change.key, polled)

    def hinted(self, kind: str, local_id: str, besides: str) -> None:
        """Read a record now wherever it is polled, but for one account, whose record was read already."""
        self._webhook_at[kind] = self._clock()
        for identity, account in self._accounts.items():
            key = RecordKey(identity, kind, local_id)
            if identity != besides and key in self._polled:
                self._reader.read(account, key, StatusEventSource.WEBHOOK)

    async def _claim(self) -> None:
        followed: dict[str, list[RecordKey]] = {}
        accounts: dict[str, Account] = {}
        for key, watch in self._broker.watches.items():
            followed.setdefault(key.identity, []).append(key)
            accounts[key.identity] = watch.account
        left = [identity for identity in self._accounts if identity not in accounts]
        self._accounts = accounts
        if left:
            await self._coordination.release(left)
        mine: set[RecordKey] = set()
        for identity, keys in followed.items():
            mine |= await self._coordination.share(identity, keys) or set()
        self._take_over(mine)

    def _take_over(self, mine: Collection[RecordKey]) -> None:
        """Subscribers of this process have just read their records themselves; those of others may not have."""
        for key in [key for key in self._polled if key not in mine]:
            del self._polled[key]
        for key in mine:
            if key not in self._polled:
                polled = self._polled[key] = _Polled(self._config.min_seconds, self._clock())
                if key in self._broker.watches:
                    polled.due = self._due(key, polled)

    def _poll_due(self) -> None:
        for key, polled in self._due_now():
            polled.on_its_way = True
            task = asyncio.create_task(self._poll(key, polled))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _due_now(self) -> Iterator[tuple[RecordKey, _Polled]]:
        now = self._clock()
        for key, polled in self._polled.items():
            if polled.due <= now and not polled.final and not polled.on_its_way:
                yield key, polled

    async def _poll(self, key: RecordKey, polled: _Polled) -> None:
        changed = False
        try:
            changed = await self._read(key, polled)
        except (GatewayError, LogUnreachable) as error:
            logger.info("%s could not be polled: %s", key.global_id, error)
        finally:
            polled.on_its_way = False
        shortest, longest = self._config.min_seconds, self._config.max_seconds
        polled.interval = shortest if changed else min(polled.interval * 2, longest)
        polled.due = self._due(key, polled)

    async def _read(self, key: RecordKey, polled: _Polled) -> bool:
        """Read a record, and tell others what they should see for themselves; whether it has changed."""
        account = self._accounts[key.identity]
        try:
            reading = await asyncio.shield(self._reader.read(account, key, StatusEventSource.POLL))
        except UpstreamBadAnswer:
            if not polled.unreadable:
                await self._on_unreadable(key)
                polled.unreadable = True
            raise
        polled.unreadable = False
        if reading is None:
            await self._on_missing(key)
            return False
        polled.final = reading.record.final
        return reading.changed

    def _due(self, key: RecordKey, polled: _Polled) -> float:
        now, seconds = self._clock(), polled.interval
        if now - self._webhook_at.get(key.kind, float("-inf")) <= self._config.webhook_seconds:
            seconds *= self._config.webhook_factor
        return now + seconds * (1 - 0.1 * self._chance())
