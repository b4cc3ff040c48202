"""Status changes in virtual time, over an upstream that tests move by hand."""

from collections.abc import AsyncIterator

import pytest

# The catalogue knows the types of record that have been imported; a gateway imports all with its schema.
import resolvers.kinds.boards
import resolvers.kinds.deliveries
import resolvers.kinds.logistics
import resolvers.kinds.sms  # noqa: F401 - see above
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import Events
from tests.events.processes import Processes
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def upstream(time: VirtualTime) -> Upstream:
    return Upstream(time.now)


@pytest.fixture
async def processes(time: VirtualTime, upstream: Upstream) -> AsyncIterator[Processes]:
    started = Processes(time, upstream)
    yield started
    await started.close()


@pytest.fixture
async def events(processes: Processes, time: VirtualTime) -> Events:
    """A gateway alone in its process."""
    return await processes.start(MemoryEventLog(LogConfig(), time.now))
