"""Gateways' event machinery, each as if in a process of its own."""

from resolvers.events.coordination import PollCoordination
from resolvers.events.log import EventLog
from resolvers.events.poller import PollConfig
from resolvers.events.service import Events, EventsConfig, Forget, forget_nothing
from tests.events.upstream import Upstream
from tests.events.virtual_time import RealTime, VirtualTime

SECONDS = PollConfig(min_seconds=2, max_seconds=60)


class Processes:
    """Starts them, and closes what was started; lives as long as a test."""

    def __init__(self, time: VirtualTime | RealTime, upstream: Upstream) -> None:
        self._time = time
        self._upstream = upstream
        self._started: list[Events] = []

    async def start(
        self,
        log: EventLog,
        coordination: PollCoordination | None = None,
        *,
        queue_size: int = 256,
        polls: PollConfig = SECONDS,
        forget: Forget = forget_nothing,
    ) -> Events:
        time = self._time
        config = EventsConfig(
            polls=polls,
            queue_size=queue_size,
            forget=forget,
            now=time.now,
            clock=time.clock,
            sleep=time.sleep,
            chance=lambda: 0.0,
        )
        events = Events(log, coordination, config)
        await events.start(self._upstream.account())
        self._started.append(events)
        return events

    async def close(self) -> None:
        for events in self._started:
            await events.close()
