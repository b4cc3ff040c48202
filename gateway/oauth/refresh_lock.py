"""How long a refresh may wait for those of other processes, and what waiting too long means."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.stack import loop_clock

MOST_SECONDS: Final = 60.0
"""What a refresh may take, however long its operation has."""


@asynccontextmanager
async def refresh_lock(
    scope: CallScope, lock: Callable[[float], AbstractAsyncContextManager[None]]
) -> AsyncIterator[None]:
    """Hold a lock for a refresh, as long as the refresh may take.

    Args:
        scope: The refresh's; after its deadline no answer is waited for.
        lock: Makes the lock that is waited for, and held, for so many seconds.

    Raises:
        UpstreamTimeout: other refreshes were not done in time.
    """
    seconds = min(MOST_SECONDS, max(0.1, scope.deadline - loop_clock()))
    try:
        async with lock(seconds):
            yield
    except TimeoutError as error:
        message = "LOGISTICS gave another process no token in time; try again later."
        raise UpstreamTimeout(UpstreamName.LOGISTICS, message) from error
