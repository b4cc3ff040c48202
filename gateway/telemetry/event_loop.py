"""How long the event loop keeps its callers waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gateway.telemetry.families import histograms
from resolvers.histogram import Histogram

INTERVAL_SECONDS: Final = 0.25
"""Between two measurements: rarely enough to cost nothing, often enough to meet any block of half a second."""

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds in seconds."""


class EventLoopLag(Collector):
    """Measures how much later than asked the event loop wakes a task; process lifetime.

    Every operation waits as long at each of its steps: a lag means that the process has more to do than one core can,
    or that something blocks it.

    Args:
        clock: Seconds that only go forward; the event loop's own where none is given.
        sleep: Waits between two measurements.
    """

    def __init__(
        self,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None
        self.histogram = Histogram(BOUNDS)

    def start(self) -> None:
        """Measure from now on."""
        self._task = asyncio.create_task(self.measure())

    def stop(self) -> None:
        """End the measurement."""
        if self._task is not None:
            self._task.cancel()

    async def measure(self) -> None:
        """Measure until cancelled."""
        clock = self._clock or asyncio.get_running_loop().time
        while True:
            due = clock() + INTERVAL_SECONDS
            await self._sleep(INTERVAL_SECONDS)
            # The event loop may wake a task early, by the resolution of its clock.
            self.histogram.add(max(0.0, clock() - due))

    def collect(self) -> Iterable[Metric]:
        """Return the measurements as a metric."""
        meaning = "How late the event loop wakes a task."
        return [histograms("gateway_event_loop_lag_seconds", meaning, [], [([], self.histogram)])]
