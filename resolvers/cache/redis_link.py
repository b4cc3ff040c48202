"""The connection to Redis: whether it is there, what other processes forgot, and what they confirm."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from uuid import uuid4

import msgspec
from cachetools import TTLCache
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError

from resolvers.redis_failures import FAILURES, is_refusal
from resolvers.redis_servers import RedisForm, RedisServers, drop_idle_connections
from resolvers.redis_times import RedisPurpose, RedisTimes


class CacheCounts(msgspec.Struct):
    """How often something happened to the whole cache, for metrics; counters only increase. Lifetime: process.

    Args:
        forgotten: Keys that changes invalidated.
        redis_failures: Commands that Redis did not carry out, because it was away or could not work.
        redis_refused: Commands that it refused for what they are, such as for a right that its user lacks.
        unacknowledged: Invalidations that another process did not confirm in time.
        unreadable_notices: Notices of other processes that could not be read; at each, this process forgets all.
    """

    forgotten: int = 0
    redis_failures: int = 0
    redis_refused: int = 0
    unacknowledged: int = 0
    unreadable_notices: int = 0


logger = logging.getLogger(__name__)


Result = TypeVar("Result")


COMMAND_SECONDS: Final = 0.5
"""Time limit of a command; a Redis that is slower is of no use as a cache."""


RETURN_SECONDS: Final = 0.5
"""Pause between attempts to connect to Redis again."""


CONFIRM_SECONDS: Final = 0.5
"""How long a change waits for the other processes to confirm its invalidations."""


REFUSAL_SECONDS: Final = 60.0
"""How long a refusal is not logged again."""


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """A message between processes: keys to forget, or the confirmation that they are forgotten.

    Args:
        origin: The process that published the notice.
        number: The number of the notice among those of that process.
        keys: The keys to forget; None in a confirmation.
    """

    origin: str
    number: int
    keys: list[str] | None


_NOTICE = msgspec.json.Decoder(Notice)


class Announcement:
    """A notice to all processes, and their confirmations. Lifetime: until they are confirmed or time is up."""

    def __init__(self, message: bytes, counts: CacheCounts) -> None:
        self.message = message
        self._counts = counts
        self._confirmations = 0
        self._changed = asyncio.Event()

    def confirm(self) -> None:
        """Count a confirmation."""
        self._confirmations += 1
        self._changed.set()

    async def confirmed_by(self, processes: int) -> None:
        """Wait for the confirmations of so many processes, for up to `CONFIRM_SECONDS`."""
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                while self._confirmations < processes:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            # A process that hangs must not hold a change up for longer.
            self._counts.unacknowledged += 1


class RedisLink:
    """Runs commands while Redis is available, and exchanges notices with other processes. Lifetime: process.

    Args:
        url: The URL of Redis, with its password.
        prefix: The prefix of every channel.
        counts: Counts failures.
        times: Measures commands; None measures them for nobody.
        sleep: Waits between attempts to connect; takes seconds.

    Attributes:
        client: The client, for commands.
        clustered: Whether keys are on several nodes; notices are then published on a sharded channel.
        replicated: Whether another server may take over, without the last writes of the one before.
        available: Whether the last command or connection succeeded.
        on_notice: Called with the keys that another process has forgotten.
        on_return: Awaited when Redis is available again, before any other command.
        on_gap: Called when notices may have been missed.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        counts: CacheCounts,
        times: RedisTimes | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        servers = RedisServers(url)
        self.client: Redis = servers.spread(COMMAND_SECONDS)
        self.clustered = servers.form is RedisForm.CLUSTER
        self.replicated = servers.replicated
        channels = servers.together(prefix, "notices")
        # Of the node that has the channels, which knows how many processes listen.
        self._notices = servers.client(COMMAND_SECONDS, channels) if self.clustered else self.client
        self.channel = f"{channels}forgotten"
        self.available = False
        self.on_notice: Callable[[Collection[str]], None] = lambda _: None
        self.on_return: Callable[[], Awaitable[None]] = _nothing
        self.on_gap: Callable[[], None] = lambda: None
        self._counts = counts
        self._times = times or RedisTimes()
        self._sleep = sleep
        self._origin = uuid4().hex
        self._confirmed = f"{channels}confirmed:"
        self._number = 0
        self._announcements: dict[int, Announcement] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listening: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._warned = False
        self._refusals: TTLCache[str, None] = TTLCache(maxsize=20, ttl=REFUSAL_SECONDS)

    async def open(self) -> None:
        """Connect to Redis in the background, and return after the first attempt, whether it succeeded or not."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        await self._tried.wait()

    async def close(self) -> None:
        """Finish what runs in the background, and disconnect from Redis."""
        # Such as leases to be released, which other processes would wait for.
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=COMMAND_SECONDS)
        self.available = False
        tasks = [*self._tasks, *([self._listening] if self._listening else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.aclose()
        if self.clustered:
            await self._notices.aclose()

    async def publish(self, channel: str, message: bytes) -> int:
        """Publish a message, and return the number of processes that got it."""
        publish = self._notices.spublish if self.clustered else self._notices.publish
        return int(await publish(channel, message))

    async def run(
        self, command: Callable[[], Awaitable[Result]], purpose: RedisPurpose, *, required: bool = False
    ) -> Result | None:
        """Return the result of a command; None if Redis is unavailable, fails or refuses it.

        Args:
            command: Sends it.
            purpose: What it is for.
            required: Whether Redis is of no use without it, so that it counts as unavailable if it refuses.
        """
        if not self.available:
            return None
        try:
            with self._times.measure(purpose):
                return await command()
        except FAILURES as error:
            if required or not is_refusal(error):
                self._mark_unavailable(error)
            else:
                self._note_refusal(error)
            return None

    @contextmanager
    def announcement(self, keys: Collection[str]) -> Iterator[Announcement]:
        """Make a notice of keys to forget, whose confirmations are counted within the block."""
        message = self.message(keys)
        number = self._number
        announcement = self._announcements[number] = Announcement(message, self._counts)
        try:
            yield announcement
        finally:
            del self._announcements[number]

    def message(self, keys: Collection[str]) -> bytes:
        """Return a new notice of keys to forget, encoded."""
        self._number += 1
        return msgspec.json.encode(Notice(self._origin, self._number, list(keys)))

    async def _listen(self) -> None:
        while True:
            try:
                async with self._notices.pubsub() as subscription:
                    await self._subscribe(subscription)
                    await self._handle_notices(subscription)
            except FAILURES as error:
                self._mark_unavailable(error)
            except Exception as error:
                # Without notices, this process would serve records that others have invalidated.
                logger.exception("The connection to Redis failed in a way that is not foreseen, and is made anew.")
                self._mark_unavailable(error)
            self._tried.set()
            await self._sleep(RETURN_SECONDS)

    async def _subscribe(self, subscription: PubSub) -> None:
        """Subscribe to notices, and drop what may have been invalidated while none were received."""
        subscribe = subscription.ssubscribe if self.clustered else subscription.subscribe
        await subscribe(self.channel, self._confirmed + self._origin)
        # The confirmations of the two subscriptions: from then on no notice is missed.
        for _ in range(2):
            if await subscription.get_message(timeout=COMMAND_SECONDS) is None:
                raise RedisConnectionError(f"A subscription was not confirmed within {COMMAND_SECONDS:g} seconds.")
        # Idle connections may lead to the Redis that went away, and would fail the first commands after its return.
        await drop_idle_connections(self.client)
        # In this order: what was forgotten meanwhile is forgotten in Redis, then here, and only then is Redis used.
        await self.on_return()
        self.on_gap()
        self.available = True
        if self._warned:
            self._warned = False
            logger.info("Redis is back: records are shared between processes again.")
        self._tried.set()

    async def _handle_notices(self, subscription: PubSub) -> None:
        """Handle notices until a command fails; the connection is then made anew, because notices may be lost."""
        while self.available:
            message = await subscription.get_message(timeout=RETURN_SECONDS)
            if message is None:
                continue
            if message["type"] == "sunsubscribe":
                # Sent by the node itself.
                raise RedisConnectionError("The slot of the channel has moved to another node of the cluster.")
            if message["type"] in ("message", "smessage"):
                self._decode(message["data"])

    def _decode(self, message: bytes) -> None:
        try:
            notice = _NOTICE.decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._counts.unreadable_notices += 1
            if self._counts.unreadable_notices == 1:
                logger.warning(
                    "Another process sends notices that this one cannot read, as another release of the gateway may: "
                    "everything that is kept here is dropped at each."
                )
            # It may have been about any key.
            self.on_gap()
        else:
            self._handle(notice)

    def _handle(self, notice: Notice) -> None:
        # Redis sends a notice to its own sender as well, which counts as a confirmation.
        own = notice.origin == self._origin
        if notice.keys is not None and not own:
            self.on_notice(notice.keys)
            self.spawn(self._confirm(notice))
        elif own and notice.number in self._announcements:
            self._announcements[notice.number].confirm()

    async def _confirm(self, notice: Notice) -> None:
        confirmation = msgspec.json.encode(Notice(notice.origin, notice.number, None))
        await self.run(lambda: self.publish(self._confirmed + notice.origin, confirmation), "invalidation")

    def spawn(self, work: Any) -> None:  # noqa: ANN401 - any coroutine
        """Run something in the background, until the link is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note_refusal(self, error: BaseException) -> None:
        self._counts.redis_refused += 1
        reason = str(error)
        if reason not in self._refusals:
            self._refusals[reason] = None
            logger.warning(
                "Redis refuses a command, and goes on to be used for others: `gateway check` says which rights are "
                "missing (%s: %s)",
                type(error).__name__,
                reason,
            )

    def _mark_unavailable(self, error: BaseException) -> None:
        if is_refusal(error):
            self._counts.redis_refused += 1
        else:
            self._counts.redis_failures += 1
        self.available = False
        # One line for each outage, however many commands fail.
        if not self._warned:
            self._warned = True
            logger.warning(
                "Redis failed (%s: %s): each process keeps its own records until it is back.",
                type(error).__name__,
                error,
            )


async def _nothing() -> None:
    """Do nothing: the default of `on_return`."""
