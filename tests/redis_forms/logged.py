"""An event log whose changes are noted as they are acknowledged, and subscriptions checked against each other."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

from resolvers.events.changes import Observation
from resolvers.events.coordination import RedisCoordination
from resolvers.events.interface import StatusEvent, StatusEventKind
from resolvers.events.log import LogConfig, LogUnreachable, Recorded, Verdict
from resolvers.events.poller import PollConfig
from resolvers.events.redis_log import RedisEventLog
from resolvers.events.service import Events
from resolvers.kinds import logistics  # noqa: F401 - adds tasks to the catalogue of what can be followed
from resolvers.redis_servers import RedisServers
from resolvers.upstreams.logistics.task_records import LogisticsTask
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import RealTime

QUICK = PollConfig(min_seconds=0.02, max_seconds=0.1)
STATUSES = ("accepted", "broadcasting", "assigned", "picked_up")
TASKS = [str(number) for number in range(8)]
IDS = [f"LogisticsTask:{task}" for task in TASKS]


class NotingLog(RedisEventLog):
    """The log of one process. Lifetime: one test.

    Attributes:
        acknowledged: The record and raw status of each change that the log has confirmed, in order.
    """

    acknowledged: list[tuple[str, str]]

    async def observe(self, observations: Sequence[Observation]) -> list[Recorded]:
        outcomes = await super().observe(observations)
        for observation, outcome in zip(observations, outcomes, strict=True):
            if outcome.verdict is Verdict.CHANGED:
                self.acknowledged.append((observation.key.global_id, observation.record.raw_status))
        return outcomes


class Pair:
    """Two processes on one Redis, an upstream that moves, and a subscriber at each. Lifetime: one test."""

    def __init__(self, url: str) -> None:
        time = RealTime()
        self.upstream = Upstream(time.now)
        self.acknowledged: list[tuple[str, str]] = []
        self._clock = time.clock
        self._processes = Processes(time, self.upstream)
        servers = RedisServers(url)
        self._prefix = servers.together("gateway:", "log")
        self._clients = [servers.client(5.0, self._prefix) for _ in range(2)]
        self._replicated = servers.replicated
        self._steps = count()
        self.events: list[Events] = []

    async def start(self) -> list[Subscriber]:
        self.upstream.tasks.update(dict.fromkeys(TASKS, STATUSES[0]))
        for number, client in enumerate(self._clients):
            log = NotingLog(client, self._prefix, LogConfig(), replicated=self._replicated)
            log.acknowledged = self.acknowledged
            coordination = RedisCoordination(client, self._prefix, f"process {number}", self._clock)
            self.events.append(await self._processes.start(log, coordination, polls=QUICK))
        subscribers = [self.follow(number) for number in range(2)]
        for subscriber in subscribers:
            await subscriber.until(len(TASKS))
        return subscribers

    def follow(self, process: int, cursor: str | None = None) -> Subscriber:
        return Subscriber(self.events[process].follow(self.upstream.account(), IDS, cursor))

    async def move(self, seconds: float) -> None:
        """Change statuses, one task after another, for some time."""
        until = self._clock() + seconds
        while self._clock() < until:
            step = next(self._steps)
            task, status = TASKS[step % len(TASKS)], STATUSES[(step // len(TASKS) + 1) % len(STATUSES)]
            self.upstream.tasks[task] = status
            self.events[step % 2].hint("LogisticsTask", task)
            await asyncio.sleep(0.01)

    async def moves_are_told(self, subscribers: Sequence[Subscriber], seconds: float = 30) -> float:
        """Wait until every subscriber has the statuses of now, and return the seconds it took."""
        began = self._clock()
        async with asyncio.timeout(seconds):
            while any(statuses_of(one.events) != self.upstream.tasks for one in subscribers):  # noqa: ASYNC110 - over sockets
                await asyncio.sleep(0.02)
        return self._clock() - began

    async def close(self) -> None:
        with suppress(LogUnreachable):
            await self._processes.close()
        for client in self._clients:
            await client.aclose()


def statuses_of(events: Sequence[StatusEvent]) -> dict[str, str]:
    """The last status of each task that a subscriber was sent."""
    return {event.node.task_id: event.raw_status or "" for event in events if isinstance(event.node, LogisticsTask)}


def breaks_in(events: Sequence[StatusEvent]) -> list[str]:
    """Where a CHANGE does not begin at the status that its subscriber was sent before, without a GAP in between."""
    known: dict[str, str | None] = {}
    found = []
    for event in events:
        if event.kind is StatusEventKind.GAP:
            known.clear()
        elif isinstance(event.node, LogisticsTask):
            task = event.node.task_id
            if event.kind is StatusEventKind.CHANGE and known.get(task) != event.previous_raw_status:
                found.append(f"{task}: {known.get(task)}, then {event.previous_raw_status} > {event.raw_status}")
            known[task] = event.raw_status
    return found
