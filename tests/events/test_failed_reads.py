"""Reads that come to nothing leave nothing behind."""

import asyncio
from collections.abc import Sequence

import pytest

from resolvers.events.changes import Observation, RecordKey
from resolvers.events.interface import StatusEventSource
from resolvers.events.log import LogConfig, LogUnreachable, MemoryEventLog, Recorded
from resolvers.events.reader import Reader
from resolvers.events.service import forget_nothing
from tests.events.upstream import Upstream
from tests.events.virtual_time import RealTime


class UnreachableLog(MemoryEventLog):
    """Compares nothing; lives one test."""

    async def observe(self, observations: Sequence[Observation]) -> list[Recorded]:
        del observations
        raise LogUnreachable("away")


async def test_what_a_log_that_is_away_could_not_compare_is_not_remembered() -> None:
    time = RealTime()
    upstream = Upstream(time.now)
    reader = Reader(UnreachableLog(LogConfig(), time.now), time.now, time.clock, time.sleep, 2.0, forget_nothing)
    for number in range(5):
        upstream.tasks[str(number)] = "accepted"
        key = RecordKey("own", "LogisticsTask", str(number))
        with pytest.raises(LogUnreachable):
            await asyncio.shield(reader.read(upstream.account(), key, StatusEventSource.POLL))
    await reader.close()

    assert (reader._comparing, reader._fetching, reader._queued, reader._recent) == (set(), {}, {}, {})
