"""What work waits for in a simulation: cores, and the store that stands in for Redis.

Theory of operation
-------------------
A `Core` does one thing after another: each piece of work is appended to what it has to do, and its caller goes on when
it is done. `SimulatedRedis` has one, which each command of each process occupies for its measured CPU time.

What the processes share there has the rules of the gateway's own scripts, in Python: the states of rate limits and the
event log are the gateway's own classes for one process (`LocalRate`, `MemoryEventLog`), of which there is one for all.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from resolvers.cache.shared import Lease, SharedItem
from resolvers.events.changes import Change, Observation, RecordKey
from resolvers.events.coordination import LEASE_MILLISECONDS, REFRESH_SECONDS
from resolvers.events.log import LogConfig, LogListener, MemoryEventLog, Recorded, Verdict
from resolvers.upstreams.transport.rate_state import RateStatus
from resolvers.upstreams.transport.shared_rate import LocalRate, RateChange
from sizing.costs import Cost, Costs

NETWORK_SECONDS = 0.0002
"""From one machine to another of the same data centre."""

_START = datetime(2030, 1, 1, tzinfo=UTC)


def wall(loop: asyncio.AbstractEventLoop) -> datetime:
    """Return the wall clock of a simulation."""
    return _START + timedelta(seconds=loop.time())


class Core:
    """Does one thing after another; lifetime of the simulation.

    Attributes:
        busy: How many seconds it has worked.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._free_at = 0.0
        self.busy = 0.0

    @property
    def behind(self) -> float:
        """Seconds until it has done what it has to do."""
        return max(0.0, self._free_at - self._clock())

    def take(self, seconds: float) -> float:
        """Append work of so many seconds, and return when it will be done."""
        self._free_at = max(self._clock(), self._free_at) + seconds
        self.busy += seconds
        return self._free_at

    async def work(self, seconds: float) -> None:
        """Do work of so many seconds, after what was appended before."""
        await asyncio.sleep(self.take(seconds) - self._clock())


class SimulatedRedis:
    """What the processes of a simulation share; lifetime of the simulation.

    Args:
        loop: The loop in virtual time.
        costs: What commands take.

    Attributes:
        used: Commands, bytes in and bytes out so far.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, costs: Costs) -> None:
        self._loop = loop
        self.costs = costs
        self.core = Core(loop.time)
        self.used: Counter[str] = Counter()
        self.rates = LocalRate(loop.time)
        self.log = MemoryEventLog(LogConfig(), lambda: wall(loop), "simulated")
        self.listeners: list[LogListener] = []
        self.records: dict[str, tuple[bytes, float]] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.interests: dict[str, Interests] = {}
        self.polling: dict[str, tuple[str, float]] = {}

    @property
    def now(self) -> float:
        """The virtual time."""
        return self._loop.time()

    async def serve(self, cost: Cost, share: float = 1.0) -> None:
        """Take what a command, or a share of the commands that were measured together, takes."""
        self.used.update(commands=cost.commands * share, received=cost.received * share, sent=cost.sent * share)
        done = self.core.take(cost.redis_cpu * share / 1e6)
        await asyncio.sleep(done - self.now + 2 * NETWORK_SECONDS)

    def publish(self, changes: Sequence[Change], position: int) -> None:
        """Pass changes on to every process, each of which reads them from the stream."""
        for listener in self.listeners:
            self.used.update(commands=1, sent=500 * len(changes))
            done = self.core.take(self.costs["change"].redis_cpu / 4e6)
            self._loop.call_at(done + NETWORK_SECONDS, listener.receive, changes, position)

    def hint(self, kind: str, local_id: str) -> None:
        """Pass a hint on to every process."""
        for listener in self.listeners:
            self._loop.call_at(self.core.take(5e-6) + NETWORK_SECONDS, listener.hinted, kind, local_id)


class SharedRateOfAll:
    """The states of rate limits, as each process reaches them in Redis; lifetime of the simulation."""

    recheck_seconds: float | None = 1.0

    def __init__(self, redis: SimulatedRedis) -> None:
        self._redis = redis

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state in one step."""
        await self._redis.serve(self._redis.costs["paced call"])
        return await self._redis.rates.change(key, change)


class LogOfProcess:
    """The event log, as one process reaches it in Redis; lifetime of the process.

    Args:
        redis: The simulated Redis.
        core: The core of the process, which a poll or a change takes as well.
    """

    def __init__(self, redis: SimulatedRedis, core: Core) -> None:
        self._redis = redis
        self._core = core
        self._log = redis.log

    @property
    def epoch(self) -> str:
        """Identifies the log's content."""
        return self._log.epoch

    @property
    def version(self) -> int:
        """The version of the log."""
        return self._log.version

    async def start(self, listener: LogListener) -> int:
        """Start to pass changes on to the process."""
        self._redis.listeners.append(listener)
        return self._log.version

    async def close(self) -> None:
        """Do nothing: the simulation is over."""

    async def check(self) -> None:
        """Do nothing: the simulated Redis always answers."""

    async def observe(self, observations: Sequence[Observation]) -> list[Recorded]:
        """Compare each observation with the known status, and append a change if they differ."""
        redis, before = self._redis, self._log.version
        outcomes = await self._log.observe(observations)
        changed = sum(outcome.verdict is Verdict.CHANGED for outcome in outcomes)
        if changed:
            changes = await self._log.history([one.key for one in observations], before, self.epoch)
            redis.publish(changes or (), self._log.version)
        for name, count in (("change", changed), ("poll", len(outcomes) - changed)):
            self._core.take(count * redis.costs[name].cpu / 1e6)
            await redis.serve(redis.costs[name], count)
        return outcomes

    async def history(self, keys: Sequence[RecordKey], after: int, epoch: str) -> list[Change] | None:
        """Return the changes of these records after a position."""
        await self._redis.serve(self._redis.costs["change"])
        return await self._log.history(keys, after, epoch)

    async def hint(self, kind: str, local_id: str) -> None:
        """Pass a hint on to all processes."""
        await self._redis.serve(self._redis.costs["change"], 0.2)
        self._redis.hint(kind, local_id)

    async def recheck(self, key: RecordKey) -> None:
        """Make the subscriptions of all processes read this record again."""
        for listener in self._redis.listeners:
            listener.recheck(key)


class Interests:
    """The records that the processes follow, of one account; lifetime of the simulation, in which no phone leaves."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self.of_all: set[RecordKey] = set()

    def renew(self, process: str, followed: Collection[RecordKey]) -> None:
        """Note what a process follows."""
        if self._sizes.get(process) != len(followed):
            self._sizes[process] = len(followed)
            self.of_all |= set(followed)


class CoordinationOfProcess:
    """Polling leases, as one process reaches them in Redis; lifetime of the process.

    Args:
        redis: The simulated Redis.
        process: The name of the process.
    """

    def __init__(self, redis: SimulatedRedis, process: str) -> None:
        self._redis = redis
        self._process = process

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """Share the followed records of this process, and claim or renew the lease, as the script `SHARE` does."""
        redis = self._redis
        holder, until = redis.polling.get(identity, (self._process, 0.0))
        mine = holder == self._process or until <= redis.now
        interests = redis.interests.setdefault(identity, Interests())
        # Only what has changed is sent, and everything each fifth time; the holder gets what all processes follow.
        sent = len(followed) / REFRESH_SECONDS
        await redis.serve(redis.costs["followed second"], max(sent, len(interests.of_all)) if mine else sent)
        interests.renew(self._process, followed)
        if not mine:
            return None
        redis.polling[identity] = self._process, redis.now + LEASE_MILLISECONDS / 1000
        return interests.of_all

    async def release(self, identities: Iterable[str]) -> None:
        """Give the leases of these accounts up."""
        for identity in identities:
            self._redis.polling.pop(identity, None)


class Link:
    """The connection for notices of forgotten records; lifetime of the process."""

    on_notice: Callable[[Sequence[str]], None]
    on_gap: Callable[[], None]

    async def open(self) -> None:
        """Do nothing: the simulated Redis is there."""

    async def close(self) -> None:
        """Do nothing: the simulation is over."""


class RecordsOfProcess:
    """The shared records and their leases, as one process reaches them in Redis; lifetime of the process.

    Args:
        redis: The simulated Redis.
        process: The name of the process.
        others: These of all processes, to which this is added.
    """

    def __init__(self, redis: SimulatedRedis, process: str, others: list["RecordsOfProcess"]) -> None:
        self._redis = redis
        self._process = process
        self._others = others
        # The first to read a record looks it up, and then gets a lease and puts the record there.
        whole, self._look_up = redis.costs["first"], redis.costs["record in Redis"]
        self._rest = Cost(
            0.0,
            (whole.commands - self._look_up.commands) / 2,
            (whole.redis_cpu - self._look_up.redis_cpu) / 2,
            whole.received / 2,
            whole.sent / 2,
        )
        self.link = Link()
        others.append(self)

    async def get(self, keys: Sequence[str]) -> list[tuple[bytes | None, str]]:
        """Return for each key its envelope, if any."""
        await self._redis.serve(self._look_up, len(keys))
        return [(self._record(key), "") for key in keys]

    async def lease(self, keys: Sequence[str], seconds: float) -> list[Lease]:
        """Request a lease for each key, as the script `LEASE` does."""
        await self._redis.serve(self._rest, len(keys))
        return [Lease(self._granted(key, seconds), self._record(key) or b"", "") for key in keys]

    async def release(self, keys: Sequence[str]) -> None:
        """Release leases without having fetched anything."""
        await self.put([SharedItem(key, leased=True) for key in keys])

    async def put(self, items: Sequence[SharedItem]) -> None:
        """Write what was fetched, and release leases, as the script `PUT` does."""
        await self._redis.serve(self._rest, len(items))
        for item in items:
            if item.data:
                self._redis.records[item.key] = item.data, self._redis.now + item.seconds
            if item.leased and self._redis.leases.get(item.key, ("", 0.0))[0] == self._process:
                del self._redis.leases[item.key]

    async def forget(self, keys: Sequence[str]) -> None:
        """Forget keys in Redis and in every process."""
        await self._redis.serve(self._rest, len(keys))
        for key in keys:
            self._redis.records.pop(key, None)
        for other in self._others:
            if other is not self:
                other.link.on_notice(keys)

    def _record(self, key: str) -> bytes | None:
        data, until = self._redis.records.get(key, (None, 0.0))
        return data if until > self._redis.now else None

    def _granted(self, key: str, seconds: float) -> bool:
        _, until = self._redis.leases.get(key, ("", 0.0))
        if until > self._redis.now:
            return False
        self._redis.leases[key] = self._process, self._redis.now + seconds
        return True
