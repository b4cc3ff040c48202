"""The reads of one subscription: what its records look like, each read until that has worked."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from resolvers.accounts import Account
from resolvers.errors import GatewayError
from resolvers.events.broker import Broker
from resolvers.events.changes import RecordKey
from resolvers.events.cursors import Cursors
from resolvers.events.interface import Start
from resolvers.events.log import EventLog, LogUnreachable
from resolvers.events.reader import Reader, RecordRead


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a subscription gets what it tells; process lifetime.

    Args:
        log: Replays.
        broker: Offers changes.
        reader: Reads SNAPSHOTs.
        cursors: Seals and opens cursors.
        now: The wall clock.
        sleep: Waits before a read that failed is tried again.
        queue_size: How many changes may wait for one subscriber.
    """

    log: EventLog
    broker: Broker
    reader: Reader
    cursors: Cursors
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    queue_size: int


logger = logging.getLogger(__name__)


FIRST_RETRY_SECONDS: Final = 2.0


MAX_RETRY_SECONDS: Final = 60.0


Found: TypeAlias = RecordRead | GatewayError | None
"""What was read, why it could not be read, or None where there is no such record."""


class RecordReads:
    """Reads what is unread, all of it together and less and less often while it fails; subscription lifetime.

    Args:
        sources: Where records are read, and who tells how far the log has been offered.
        account: Reads them.
        wake: Called when something was read.
        start: Is charged for what is read before it is over; None where nobody is.

    Attributes:
        unread: The records to be read; whoever takes what was found says what is to be read again.
    """

    __slots__ = (
        "_account",
        "_failures",
        "_found",
        "_hurried",
        "_reading",
        "_sources",
        "_start",
        "_waiting",
        "_wake",
        "unread",
    )  # fmt: skip

    def __init__(self, sources: Sources, account: Account, wake: Callable[[], None], start: Start | None) -> None:
        self._start = start
        self._sources = sources
        self._account = account
        self._wake = wake
        self._found: dict[RecordKey, Found] = {}
        self._reading: asyncio.Task[None] | None = None
        self._failures = 0
        self._hurried = False
        self._waiting = False
        self.unread: set[RecordKey] = set()

    @property
    def under_way(self) -> bool:
        """Whether something is being read."""
        return self._reading is not None

    def begin(self, keys: Iterable[RecordKey]) -> None:
        """Read these, and forget what was read before or is on its way."""
        self.close()
        self._found = {}
        self.unread = set(keys)

    def start(self, position: int) -> None:
        """Read what is unread, unless something is being read or waits to be taken.

        Args:
            position: Up to where the subscriber has been told the log.
        """
        if self.unread and self._reading is None and not self._found:
            self._reading = asyncio.create_task(self._read(position))

    def read_again(self, key: RecordKey) -> None:
        """Read one soon that another read found to be amiss, without the wait for those that have failed."""
        self.unread.add(key)
        self._hurried = True
        if self._waiting:
            self.close()

    def take(self) -> dict[RecordKey, Found]:
        """What was found since the last time; the broker has offered all that it tells of."""
        found, self._found = self._found, {}
        return found

    def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def wait_to_retry(self) -> None:
        """Wait, because something else has failed that reading would meet as well."""
        self._failures += 1
        await self._wait()

    async def _read(self, position: int) -> None:
        if self._failures and not self._hurried:
            await self._wait()
        self._hurried = False
        keys = list(self.unread)
        if not keys:
            self._reading = None
            return
        charged = None if self._start is None or self._start.over else self._start.traces
        futures = [self._sources.reader.look(self._account, key, charged) for key in keys]
        try:
            await asyncio.wait(futures)
        except asyncio.CancelledError:
            for key, future in zip(keys, futures, strict=True):
                self._sources.reader.leave(key, future)
            raise
        found: dict[RecordKey, Found] = {}
        for key, future in zip(keys, futures, strict=True):
            result = _result(key, future)
            if not isinstance(result, LogUnreachable):
                found[key] = result
        positions = [reading.position for reading in found.values() if isinstance(reading, RecordRead)]
        await self._sources.broker.reached(max([position, *positions]))
        failed = len(found) < len(keys) or any(isinstance(one, GatewayError) for one in found.values())
        self._failures = self._failures + 1 if failed else 0
        self._found, self._reading = found, None
        self._wake()

    async def _wait(self) -> None:
        self._waiting = True
        try:
            await self._sources.sleep(min(FIRST_RETRY_SECONDS * 2.0 ** (self._failures - 1), MAX_RETRY_SECONDS))
        finally:
            self._waiting = False


def _result(key: RecordKey, future: "asyncio.Future[RecordRead | None]") -> Found | LogUnreachable:
    try:
        return future.result()
    except (GatewayError, LogUnreachable) as error:
        return error
    except asyncio.CancelledError:
        return LogUnreachable(f"The read of {key.global_id} was given up.")
    except Exception as error:
        logger.exception("%s could not be read for its subscribers.", key.global_id)
        return LogUnreachable(str(error))
