"""The connection to Redis: whether it is there, what other processes forgot, and what they confirm."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from uuid import uuid4

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError


class CacheCounts(msgspec.Struct):
    """Counters that only grow; process lifetime.

    Args:
        hits: Records served fresh from memory.
        stale: Records served past their TTL.
        misses: Records asked of Redis or an upstream.
        joined: Records that came with a read already in flight.
        from_redis: Records that Redis had.
        forgotten: Keys that a change made invalid.
        redis_failures: Commands that Redis did not carry out.
        unacknowledged: Invalidations that some other process did not confirm in time.
        unreadable_notices: Notices of other processes that could not be read; each made this one forget everything.
    """

    hits: int = 0
    stale: int = 0
    misses: int = 0
    joined: int = 0
    from_redis: int = 0
    forgotten: int = 0
    redis_failures: int = 0
    unacknowledged: int = 0
    unreadable_notices: int = 0


logger = logging.getLogger(__name__)


Result = TypeVar("Result")


COMMAND_SECONDS: Final = 0.5
"""What a command may take; a Redis that is slower is of no use as a cache."""


RETURN_SECONDS: Final = 0.5
"""The interval at which a Redis that went away is looked for."""


CONFIRM_SECONDS: Final = 0.5
"""How long a change waits for the other processes to confirm that they have forgotten what it made invalid."""


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """What processes tell each other: keys to forget, or that this was done.

    Args:
        origin: The process that began it.
        number: Which of its notices.
        keys: What to forget; None in a confirmation.
    """

    origin: str
    number: int
    keys: list[str] | None


_NOTICE = msgspec.json.Decoder(Notice)


class Announcement:
    """A notice sent to all processes, and their confirmations; lives until the change may be answered."""

    def __init__(self, message: bytes, counts: CacheCounts) -> None:
        self.message = message
        self._counts = counts
        self._confirmations = 0
        self._changed = asyncio.Event()

    def confirm(self) -> None:
        """One more process has done it."""
        self._confirmations += 1
        self._changed.set()

    async def confirmed_by(self, processes: int) -> None:
        """Wait for so many confirmations, for a bounded time: a process that hangs must not hold a change up."""
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                while self._confirmations < processes:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._counts.unacknowledged += 1


class RedisLink:
    """Runs commands while Redis is there, and notices when it goes and returns; process lifetime.

    Args:
        url: With its password.
        prefix: What every channel begins with.
        counts: Where failures are counted.
        sleep: Waits between two attempts to reach it again.

    Attributes:
        client: For commands.
        available: Whether Redis is there, as far as is known.
        on_notice: Told what another process forgot.
        on_return: Awaited when Redis is there again, before anything else is asked of it.
        on_gap: Called when notices may have been missed.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        counts: CacheCounts,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.client: Redis = Redis.from_url(url, socket_timeout=COMMAND_SECONDS, socket_connect_timeout=COMMAND_SECONDS)
        self.channel = f"{prefix}forgotten"
        self.available = False
        self.on_notice: Callable[[Collection[str]], None] = lambda _: None
        self.on_return: Callable[[], Awaitable[None]] = _nothing
        self.on_gap: Callable[[], None] = lambda: None
        self._counts = counts
        self._sleep = sleep
        self._origin = uuid4().hex
        self._confirmations = f"{prefix}confirmed:{self._origin}"
        self._prefix = prefix
        self._number = 0
        self._announcements: dict[int, Announcement] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listening: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._warned = False

    async def open(self) -> None:
        """Look for Redis, and from then on stay in touch; returns once it was found or missed."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        await self._tried.wait()

    async def close(self) -> None:
        """Let go of Redis."""
        self.available = False
        tasks = [*self._tasks, *([self._listening] if self._listening else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.aclose()

    async def run(self, command: Callable[[], Awaitable[Result]]) -> Result | None:
        """What a command answers; None where Redis is away, or goes away over it."""
        if not self.available:
            return None
        try:
            return await command()
        except (RedisError, OSError, TimeoutError) as error:
            self._went_away(error)
            return None

    @contextmanager
    def announcement(self, keys: Collection[str]) -> Iterator[Announcement]:
        """A notice of keys to forget, whose confirmations are counted within the block."""
        message = self.message(keys)
        number = self._number
        announcement = self._announcements[number] = Announcement(message, self._counts)
        try:
            yield announcement
        finally:
            del self._announcements[number]

    def message(self, keys: Collection[str]) -> bytes:
        """A notice of keys to forget, as it goes over the wire."""
        self._number += 1
        return msgspec.json.encode(Notice(self._origin, self._number, list(keys)))

    async def _listen(self) -> None:
        while True:
            try:
                async with self.client.pubsub() as subscription:
                    await self._subscribe(subscription)
                    await self._hear(subscription)
            except (RedisError, OSError, TimeoutError) as error:
                self._went_away(error)
            except Exception as error:
                # Whatever it is, no process may go on without notices and take what it keeps for current.
                logger.exception("The connection to Redis failed in a way that is not foreseen, and is made anew.")
                self._went_away(error)
            self._tried.set()
            await self._sleep(RETURN_SECONDS)

    async def _subscribe(self, subscription: PubSub) -> None:
        """Notices come from now on, so what this process kept meanwhile is not to be trusted, and is dropped."""
        await subscription.subscribe(self.channel, self._confirmations)
        for _ in range(2):
            await subscription.get_message(timeout=COMMAND_SECONDS)
        # Idle connections may lead to the Redis that went away, and would fail the first commands after its return.
        await self.client.connection_pool.disconnect(inuse_connections=False)
        await self.on_return()
        self.on_gap()
        self.available = True
        if self._warned:
            self._warned = False
            logger.info("Redis is back: records are shared between processes again.")
        self._tried.set()

    async def _hear(self, subscription: PubSub) -> None:
        """Until a command finds Redis away: then the connection is made anew, since notices may be lost."""
        while self.available:
            message = await subscription.get_message(ignore_subscribe_messages=True, timeout=RETURN_SECONDS)
            if message is not None:
                self._read(message["data"])

    def _read(self, message: bytes) -> None:
        """Act on a notice; one of another release that cannot be read may have been about anything."""
        try:
            notice = _NOTICE.decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._counts.unreadable_notices += 1
            if self._counts.unreadable_notices == 1:
                logger.warning(
                    "Another process sends notices that this one cannot read, as another release of the gateway may: "
                    "everything that is kept here is dropped at each."
                )
            self.on_gap()
        else:
            self._heard(notice)

    def _heard(self, notice: Notice) -> None:
        own = notice.origin == self._origin
        if notice.keys is not None and not own:
            self.on_notice(notice.keys)
            self._spawn(self._confirm(notice))
        elif own and notice.number in self._announcements:
            self._announcements[notice.number].confirm()

    async def _confirm(self, notice: Notice) -> None:
        told = msgspec.json.encode(Notice(notice.origin, notice.number, None))
        await self.run(lambda: self.client.publish(f"{self._prefix}confirmed:{notice.origin}", told))

    def _spawn(self, work: Any) -> None:  # noqa: ANN401 - any coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _went_away(self, error: BaseException) -> None:
        self._counts.redis_failures += 1
        self.available = False
        if not self._warned:
            self._warned = True
            logger.warning(
                "Redis failed (%s: %s): each process keeps its own records until it is back.",
                type(error).__name__,
                error,
            )


async def _nothing() -> None:
    """What happens at Redis's return unless told."""
