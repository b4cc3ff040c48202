"""One simulated gateway process: the gateway's own policies, cache and events, over simulated cores and Redis."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

import resolvers.kinds.logistics  # noqa: F401 - the catalogue knows the types of record that have been imported
from resolvers.accounts import Account
from resolvers.cache.reads import ReadSet
from resolvers.cache.records import CacheConfig, RecordCache
from resolvers.catalogue import record_types
from resolvers.events.changes import Change, RecordKey
from resolvers.events.poller import PollConfig
from resolvers.events.service import Events, EventsConfig
from resolvers.loading.loaders import RecordLoaders
from resolvers.upstreams.call import CallScope, CallTrace
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.rate_state import PacingConfig
from resolvers.upstreams.transport.stack import StackConfig, StackSurroundings, build_stack
from sizing.resources import (
    CoordinationOfProcess,
    Core,
    LogOfProcess,
    RecordsOfProcess,
    SharedRateOfAll,
    SimulatedRedis,
    wall,
)
from sizing.upstream import BASE, SimulatedUpstream

IDENTITY: Final = "own"
KIND: Final = "LogisticsTask"
_DEADLINE_SECONDS: Final = 15.0

Delivered = Callable[[Change, float], None]
"""Notes that one subscriber has a change, and when."""


class Policies(msgspec.Struct, frozen=True):
    """The settings that the simulated processes have; value.

    Args:
        rate_per_second: Calls that may start in a second, in all processes together.
        poll_max_seconds: The interval of polls of what does not change.
        ttl_active: Seconds for which a record is fresh.
        max_open: Connections that one process keeps open.
        paced: Whether the rate is set, so that each call asks for its turn; otherwise a 429 would teach it.
    """

    rate_per_second: float = 500.0
    poll_max_seconds: float = 60.0
    ttl_active: float = 5.0
    max_open: int = 20_000
    paced: bool = True


class Phone:
    """A subscriber to one record; lifetime of the simulation."""

    __slots__ = ("_last", "_process")

    queued = 0

    def __init__(self, process: "SimulatedProcess") -> None:
        self._process = process
        self._last = 0

    def offer(self, change: Change) -> None:
        """Take a change of the record."""
        if change.position <= self._last:
            self._process.repeated += 1
        self._last = change.position
        self._process.deliver(change)

    def recheck(self, key: RecordKey) -> None:
        """Do nothing: no record of the simulation goes."""

    def lose(self) -> None:
        """Do nothing: the simulated log is never lost."""


class SimulatedProcess:
    """One process with a core of its own; lifetime of the simulation.

    Args:
        name: Its name.
        redis: What all processes share.
        upstream: What they all call.
        policies: The settings.
        chance: Decides jitter.
        records: The shared records of all processes.
        delivered: Notes deliveries.

    Attributes:
        phones: How many subscribers it has.
        repeated: Events that one of them was given twice, or out of order.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a process
        self,
        name: str,
        redis: SimulatedRedis,
        upstream: SimulatedUpstream,
        policies: Policies,
        chance: Random,
        records: list[RecordsOfProcess],
        delivered: Delivered,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        clock = self._loop.time
        self.core = Core(clock)
        self._costs = redis.costs
        self._delivered = delivered
        pacing = PacingConfig(rate_per_second=policies.rate_per_second if policies.paced else None)
        surroundings = StackSurroundings(clock, asyncio.sleep, chance.random, SharedRateOfAll(redis))
        stack = build_stack(upstream, f"LOGISTICS:{BASE}", StackConfig(pacing=pacing), surroundings)
        config = CacheConfig(ttl_active=policies.ttl_active)
        shared = RecordsOfProcess(redis, name, records)
        self.cache = RecordCache(config, shared=shared, clock=clock, wall=clock, random=chance)  # type: ignore[arg-type]  # stands in for Redis
        client = LogisticsClient(stack.transport, LogisticsConfig(BASE))
        self.account = Account(IDENTITY, {UpstreamName.LOGISTICS: client}, records=self.cache)
        polls = PollConfig(min_seconds=policies.poll_max_seconds, max_seconds=policies.poll_max_seconds)
        events = EventsConfig(
            polls=polls, now=lambda: wall(self._loop), clock=clock, sleep=asyncio.sleep, chance=chance.random
        )
        self.events = Events(LogOfProcess(redis, self.core), CoordinationOfProcess(redis, name), events)
        self.phones = 0
        self.repeated = 0

    async def start(self) -> None:
        """Start to poll and to listen to the log."""
        await self.events.start(self.account)

    async def close(self) -> None:
        """Stop."""
        await self.events.close()
        await self.cache.close()

    def follow(self, key: RecordKey) -> None:
        """Let one more phone follow a record."""
        # What a subscription does, but for reading the record first: a million of these would take hours.
        self.events._broker.attach(Phone(self), self.account, [key])  # noqa: SLF001 - see above
        self.phones += 1

    def deliver(self, change: Change) -> None:
        """Send a change to one subscriber."""
        self._delivered(change, self.core.take(self._costs["event"].cpu / 1e6))

    def answer_kept(self, count: int) -> None:
        """Answer operations whose responses are kept."""
        self.core.take(count * self._costs["hot"].cpu / 1e6)

    def poll_work(self, followed: int) -> None:
        """Do what followed records take in a second."""
        self.core.take(followed * self._costs["followed second"].cpu / 1e6)

    async def read(self, record_id: str) -> float:
        """Run an operation that reads one record, and return the seconds that it took."""
        began, traces = self._loop.time(), list[CallTrace]()
        await self.core.work(self._costs["hot"].cpu / 1e6)
        scope = CallScope(began + _DEADLINE_SECONDS, traces)
        read_set = ReadSet(self.account, scope, self.cache.invalidations.mark)
        loaders = RecordLoaders(self.cache, read_set)
        try:
            await loaders.record(record_types()[KIND], record_id)
        finally:
            loaders.cancel()
        await self.core.work((self._costs[_name_of(traces)].cpu - self._costs["hot"].cpu) / 1e6)
        return self._loop.time() - began


def _name_of(traces: list[CallTrace]) -> str:
    """Return the name of what an operation cost, by where its record came from."""
    if not traces:
        return "record in Redis"
    return {"hit": "hot", "stale": "hot", "shared": "shared", "miss": "first"}[traces[-1].cache]
