"""The reads of one subscription: each of its records is read until a read of it has succeeded.

Theory of operation
-------------------
::

    unread -- start() --> one task reads all unread records together --> results -- take() --> the subscription
      ^                      |                                                                      |
      |                      `-- after a failure it first waits 2, 4, 8 ... 60 seconds              |
      `------------- the subscription keeps in `unread` what failed, and removes the rest ---------'

The task waits until the broker has offered every change up to the positions that were read, and only then delivers the
results. So when the subscription takes a result, it has been offered all changes that led to the status in it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from resolvers.accounts import Account
from resolvers.errors import GatewayError
from resolvers.events.broker import Broker
from resolvers.events.changes import RecordKey, RecordRead
from resolvers.events.cursors import Cursors
from resolvers.events.interface import Start
from resolvers.events.log import EventLog, LogUnreachable
from resolvers.events.reader import Reader
from resolvers.upstreams.call import CallContext

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 2.0
MAX_RETRY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class SubscriptionServices:
    """The parts of the process that subscriptions share. Lifetime: process.

    Args:
        log: Replays changes for a resumed subscription.
        broker: Offers changes.
        reader: Reads the records for SNAPSHOTs.
        cursors: Seals and opens cursors.
        now: The wall clock.
        sleep: Waits before failed reads are retried; takes seconds.
        queue_size: How many changes may be queued for one subscription.
    """

    log: EventLog
    broker: Broker
    reader: Reader
    cursors: Cursors
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    queue_size: int


ReadResult: TypeAlias = RecordRead | GatewayError | None
"""The record as it was read, the error of the read, or None if there is no such record."""


class SubscriptionReads:
    """Reads the unread records of one subscription. Lifetime: subscription.

    Args:
        services: The reader, and the broker whose position the results wait for.
        account: The account that reads the records.
        wake: Called when there are results to take.
        start: Charged for the calls of the reads until it is over; None charges no caller.
        carried: What the calls of the first reads carry of the subscription's request; None for nothing.

    Attributes:
        unread: The records to be read. The subscription removes a record once it has used the result of its read.
    """

    __slots__ = (
        "_account",
        "_carried",
        "_failures",
        "_results",
        "_services",
        "_skip_pause",
        "_start",
        "_task",
        "_waiting",
        "_wake",
        "unread",
    )  # fmt: skip

    def __init__(
        self,
        services: SubscriptionServices,
        account: Account,
        wake: Callable[[], None],
        start: Start | None,
        carried: CallContext | None = None,
    ) -> None:
        self._carried = carried
        self._start = start
        self._services = services
        self._account = account
        self._wake = wake
        self._results: dict[RecordKey, ReadResult] = {}
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._skip_pause = False
        self._waiting = False
        self.unread: set[RecordKey] = set()

    @property
    def in_flight(self) -> bool:
        """Whether a read has begun whose results have not been delivered."""
        return self._task is not None

    def begin(self, keys: Iterable[RecordKey]) -> None:
        """Make these the unread records; cancel the read in flight and drop its results."""
        self.close()
        self._results = {}
        self.unread = set(keys)

    def start(self, position: int) -> None:
        """Begin to read the unread records, unless a read is in flight or its results have not been taken.

        Args:
            position: The log position that the subscription has reached; results are delivered no earlier than the
                broker has reached it too.
        """
        if self.unread and self._task is None and not self._results:
            self._task = asyncio.create_task(self._read(position))

    def read_again(self, key: RecordKey) -> None:
        """Mark a record as unread, and end the pause after failed reads: another read found it gone or unreadable."""
        self.unread.add(key)
        self._skip_pause = True
        if self._waiting:
            # The subscription calls `start` when it wakes, which then reads without a pause.
            self.close()

    def take(self) -> dict[RecordKey, ReadResult]:
        """Return and remove the results since the last call."""
        results, self._results = self._results, {}
        return results

    def close(self) -> None:
        """Cancel the read in flight."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def wait_to_retry(self) -> None:
        """Count another failure, such as of the log, which the reads depend on as well, and wait for the pause."""
        self._failures += 1
        await self._pause()

    async def _read(self, position: int) -> None:
        if self._failures and not self._skip_pause:
            await self._pause()
        self._skip_pause = False
        keys = list(self.unread)
        if not keys:
            # The changes that came during the pause have made every read needless.
            self._task = None
            return
        results = await self._read_all(keys)
        positions = [result.position for result in results.values() if isinstance(result, RecordRead)]
        # A record whose last change was not offered yet would get its CHANGE after a SNAPSHOT that includes it.
        await self._services.broker.reached(max([position, *positions]))
        failed = len(results) < len(keys) or any(isinstance(one, GatewayError) for one in results.values())
        self._failures = self._failures + 1 if failed else 0
        self._results, self._task = results, None
        self._wake()

    async def _read_all(self, keys: list[RecordKey]) -> dict[RecordKey, ReadResult]:
        """Read all records together and return the results; a record that the log could not compare has none."""
        # Reads after the start are retries and rechecks, which the subscriber did not cause.
        charged = None if self._start is None or self._start.over else self._start.traces
        carried, self._carried = self._carried, None
        reader = self._services.reader
        futures = [reader.look(self._account, key, charged, carried) for key in keys]
        try:
            # `wait` neither cancels nor raises: the futures are shared with other subscriptions.
            await asyncio.wait(futures)
        except asyncio.CancelledError:
            for future in futures:
                reader.leave(future)
            raise
        results = {key: _result(key, future) for key, future in zip(keys, futures, strict=True)}
        return {key: result for key, result in results.items() if not isinstance(result, LogUnreachable)}

    async def _pause(self) -> None:
        self._waiting = True
        try:
            await self._services.sleep(min(FIRST_RETRY_SECONDS * 2.0 ** (self._failures - 1), MAX_RETRY_SECONDS))
        finally:
            self._waiting = False


def _result(key: RecordKey, future: "asyncio.Future[RecordRead | None]") -> ReadResult | LogUnreachable:
    try:
        return future.result()
    except (GatewayError, LogUnreachable) as error:
        return error
    except asyncio.CancelledError:
        return LogUnreachable(f"The read of {key.global_id} was given up.")
    except Exception as error:
        # An error that is not foreseen must not end the subscription: it is logged, and the read is retried.
        logger.exception("%s could not be read for its subscribers.", key.global_id)
        return LogUnreachable(str(error))
