"""Simulates processes that grow in number together with their load, and tells what they are short of first.

Theory of operation
-------------------
Every process brings the same load: operations, most of which are answered from its cache, and phones that follow
records of one account. Records are changed at random; each change is announced by a webhook to some process. Time is
virtual; the cores of the processes, the core of Redis and the upstream's rate are what work waits for. After a warm-up,
in which the records of the start are polled for the first time, everything is counted for some seconds.
"""

import asyncio
from collections import Counter, defaultdict
from random import Random
from typing import Final

import msgspec

from resolvers.errors import GatewayError
from resolvers.events.changes import Change, RecordKey
from sizing.costs import Costs
from sizing.processes import IDENTITY, KIND, Policies, SimulatedProcess
from sizing.resources import RecordsOfProcess, SimulatedRedis
from sizing.upstream import SimulatedUpstream
from sizing.virtual_time import VirtualTimeLoop

NETWORK_BYTES: Final = 125_000_000
"""Of a link of 1 Gbit/s, in a second."""

RESOURCES: Final = ("a core", "Redis", "Redis's network", "the upstream's rate", "connections")
"""What work waits for, in the order of the tables."""

_TICK_SECONDS: Final = 0.05
_QUIET_SECONDS: Final = 3.0


class Load(msgspec.Struct, frozen=True):
    """What each process has to do; value.

    Args:
        operations: In a second.
        read_share: The share of operations whose response is not in the process's cache.
        phones: Subscribers.
        phones_per_record: How many of all subscribers follow the same record.
        changes_per_record: Changes of a followed record in a second.
        popular: How many records the operations of all processes read, over and over.
    """

    operations: float = 400.0
    read_share: float = 0.05
    phones: int = 15_625
    phones_per_record: int = 50
    changes_per_record: float = 0.002
    popular: int = 2000


class Outcome(msgspec.Struct, frozen=True):
    """What a simulation came to; value. All rates are of one second, and of all processes together.

    Args:
        processes: Their number.
        phones: The number of all subscribers.
        operations: Operations answered.
        failed: Operations that failed, such as for a rate limit.
        calls: Upstream calls.
        refused: Of these, those that the upstream refused.
        most_calls: The most calls that started in one second.
        redis_commands: Commands of Redis.
        events: Events delivered.
        utilisation: How much of each resource was used, from 0 to 1: of cores the busiest.
        read_p99: The 99th percentile of operations that read a record, in seconds.
        event_p50: From a change to its last subscriber, in seconds: the median of the changes.
        event_p99: The 99th percentile.
        missed: Events that were due and did not arrive.
        repeated: Events that arrived twice or out of order.
    """

    processes: int
    phones: int
    operations: float
    failed: float
    calls: float
    refused: int
    most_calls: int
    redis_commands: float
    events: float
    utilisation: dict[str, float]
    read_p99: float
    event_p50: float
    event_p99: float
    missed: int
    repeated: int

    @property
    def first(self) -> str:
        """The resource that is short first as the load grows."""
        return max(self.utilisation, key=self.utilisation.__getitem__)


def simulate(
    processes: int,
    costs: Costs,
    *,
    load: Load | None = None,
    policies: Policies | None = None,
    seed: int = 1,
    seconds: float = 5.0,
) -> Outcome:
    """Simulate so many processes.

    Args:
        processes: Their number.
        costs: What things take.
        load: What each has to do.
        policies: Their settings.
        seed: The same seed gives the same outcome.
        seconds: The virtual time for which everything is counted, after the warm-up.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        simulation = Simulation(processes, costs, load or Load(), policies or Policies(), seed)
        return runner.run(simulation.run(seconds))


class Simulation:
    """Some processes over one Redis and one upstream; lifetime of a simulation. See `simulate`."""

    def __init__(self, processes: int, costs: Costs, load: Load, policies: Policies, seed: int) -> None:
        self._count = processes
        self._costs = costs
        self._load = load
        self._policies = policies
        self._chance = Random(seed)  # noqa: S311 - repeatable, no secrets
        self._delivered: defaultdict[int, int] = defaultdict(int)
        self._delivered_at: defaultdict[int, float] = defaultdict(float)
        self._changed: dict[int, tuple[str, float]] = {}
        self._reads: list[float] = []
        self._counts: Counter[str] = Counter()
        self._reading: set[asyncio.Task[None]] = set()
        self.followers: Counter[str] = Counter()

    async def run(self, seconds: float) -> Outcome:
        """Run the simulation."""
        self.loop = asyncio.get_running_loop()
        self.redis = SimulatedRedis(self.loop, self._costs)
        self.upstream = SimulatedUpstream(self.loop, self._policies.rate_per_second, self._chance)
        shared: list[RecordsOfProcess] = []
        self.processes = [
            SimulatedProcess(
                f"process {number}", self.redis, self.upstream, self._policies, self._chance, shared, self._note
            )
            for number in range(self._count)
        ]
        self._follow()
        for process in self.processes:
            await process.start()
        await self._warm_up()
        before = self._state()
        work = [asyncio.create_task(one) for one in (self._operations(), self._changes(), self._polls())]
        await asyncio.sleep(seconds)
        after = self._state()
        for task in work:
            task.cancel()
        await asyncio.sleep(_QUIET_SECONDS)
        await asyncio.gather(*work, *self._reading, return_exceptions=True)
        for process in self.processes:
            await process.close()
        return self._outcome(before, after, seconds)

    @property
    def records(self) -> int:
        """How many records are followed."""
        return self._count * self._load.phones // self._load.phones_per_record

    def _follow(self) -> None:
        """Spread the phones over processes and records, so that those of a record are at different processes."""
        phones, records, chance = self._count * self._load.phones, self.records, self._chance.random
        keys = [RecordKey(IDENTITY, KIND, f"task-{number}") for number in range(records)]
        for number in range(phones):
            self.processes[int(chance() * self._count)].follow(keys[number % records])
        self.followers.update(keys[number % records].local_id for number in range(phones))

    async def _warm_up(self) -> None:
        """Wait until every followed record was read once."""
        while len(self.upstream.reads) < self.records:  # noqa: ASYNC110 - the upstream has no event for it
            await asyncio.sleep(1.0)
        await asyncio.sleep(2.0)

    async def _operations(self) -> None:
        load, due, kept_due = self._load, 0.0, 0.0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            kept_due += load.operations * (1 - load.read_share) * _TICK_SECONDS
            due += load.operations * load.read_share * _TICK_SECONDS * self._count
            kept = int(kept_due)
            kept_due -= kept
            for process in self.processes:
                process.answer_kept(kept)
                self._counts["operations"] += kept
            while due >= 1:
                due -= 1
                task = self.loop.create_task(self._read())
                self._reading.add(task)
                task.add_done_callback(self._reading.discard)

    async def _read(self) -> None:
        process = self._chance.choice(self.processes)
        try:
            self._reads.append(await process.read(f"popular-{self._chance.randrange(self._load.popular)}"))
            self._counts["operations"] += 1
        except GatewayError:
            self._counts["failed"] += 1

    async def _changes(self) -> None:
        """Change followed records, and announce each change to some process."""
        rate = self.records * self._load.changes_per_record
        while rate:
            await asyncio.sleep(self._chance.expovariate(rate))
            record_id = f"task-{self._chance.randrange(self.records)}"
            self.upstream.change(record_id)
            self._chance.choice(self.processes).events.hint(KIND, record_id)

    async def _polls(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for process in self.processes:
                process.poll_work(process.events.counts.polled)

    def _note(self, change: Change, at: float) -> None:
        if change.position not in self._changed:
            record_id = change.key.local_id
            self._changed[change.position] = record_id, self.upstream.changed_at(record_id)
        self._delivered[change.position] += 1
        self._delivered_at[change.position] = max(at, self._delivered_at[change.position])
        self._counts["events"] += 1

    def _state(self) -> dict[str, float]:
        used = self.redis.used
        return {
            **self._counts,
            "calls": self.upstream.calls,
            "refused": self.upstream.refused,
            "commands": used["commands"],
            "bytes": max(used["received"], used["sent"]),
            "redis": self.redis.core.busy,
            **{f"core {number}": process.core.busy for number, process in enumerate(self.processes)},
        }

    def _outcome(self, before: dict[str, float], after: dict[str, float], seconds: float) -> Outcome:
        rates = {name: (value - before.get(name, 0.0)) / seconds for name, value in after.items()}
        latencies = sorted(self._delivered_at[position] - at for position, (_, at) in self._changed.items())
        due = sum(self.followers[record_id] for record_id, _ in self._changed.values())
        reads = sorted(self._reads)
        busiest = max(process.phones for process in self.processes)
        return Outcome(
            self._count,
            sum(self.followers.values()),
            rates.get("operations", 0.0),
            rates.get("failed", 0.0),
            rates["calls"],
            self.upstream.refused,
            self.upstream.most,
            rates["commands"],
            rates.get("events", 0.0),
            dict(
                zip(
                    RESOURCES,
                    (
                        max(rates[f"core {number}"] for number in range(self._count)),
                        rates["redis"],
                        rates["bytes"] / NETWORK_BYTES,
                        rates["calls"] / self._policies.rate_per_second,
                        busiest / self._policies.max_open,
                    ),
                    strict=True,
                )
            ),
            _percentile(reads, 0.99),
            _percentile(latencies, 0.5),
            _percentile(latencies, 0.99),
            due - sum(self._delivered.values()),
            sum(process.repeated for process in self.processes),
        )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
