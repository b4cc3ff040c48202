"""Several gateway processes on one Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from resolvers.events.log import LogConfig
from resolvers.events.redis_coordination import RedisCoordination
from resolvers.events.redis_log import RedisEventLog
from resolvers.events.changes import RecordKey
from resolvers.events.service import Events
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime, settled
from tests.redis_server import RedisServer

KEY = RecordKey("own", "LogisticsTask", "1")
ID = "LogisticsTask:1"


class Shared:
    """Starts processes on one Redis."""

    def __init__(self, processes: Processes, redis: Redis, prefix: str, time: VirtualTime) -> None:
        self._processes = processes
        self._redis = redis
        self._prefix = prefix
        self._time = time

    async def start(self, name: str) -> Events:
        log = RedisEventLog(self._redis, self._prefix, LogConfig())
        return await self._processes.start(log, RedisCoordination(self._redis, self._prefix, name, self._time.clock))


@pytest.fixture
def shared(processes: Processes, redis: Redis, redis_prefix: str, time: VirtualTime) -> Shared:
    return Shared(processes, redis, redis_prefix, time)
