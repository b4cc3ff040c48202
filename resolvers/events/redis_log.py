"""The event log in Redis, shared by all processes.

Theory of operation
-------------------
Under the prefix `events:` there are::

    meta             hash: epoch, version, last position, floor (the last position that was dropped)
    stream           stream: the changes; an entry's id is `<position>-0`
    state:<record>   hash: the last known status, with its version and position
    positions:<...>  sorted set: the positions of one record's changes, for `history`
    hints            stream: hints and rechecks, trimmed to `MAX_HINTS`
    ids:<digest>     string: the marks of a subscription's ids; see id_lists.py

`observe` and `history` are scripts (see redis_stream.py). Each process has one task that blocks on both streams and
passes their entries to the listener. When a read finds nothing, or Redis was unreachable, the task compares the epoch
and version in `meta` with what it has seen: if Redis lost the log or fell back to an older snapshot, the listener is
restarted, and subscriptions report a GAP.

Where another server may take over (`replicated`), it may lack the last entries of the one before. The first script that
runs there ends the epoch, at the version that it finds, and begins another (`succeed` in redis_stream.py)::

    old master   1 2 3 4 5 6 7         epoch A; 6 and 7 have not reached the replica
    new master   1 2 3 4 5 6'8' ...    epoch B; A has ended at 5

A process that has seen no more than 5 goes on without a GAP, and so does a cursor of epoch A up to 5; for one that has
seen 6 or 7 there is a GAP. So that no entry of the new master is taken for one of the old, the epoch is compared after
each read of the streams as well.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import RedisError

from resolvers.events.changes import Change, Observation, RecordKey
from resolvers.events.log import LogConfig, LogListener, LogUnreachable, Recorded, Verdict
from resolvers.events.redis_id_lists import RedisIdLists
from resolvers.events.redis_stream import (
    BEGIN,
    HISTORY,
    OBSERVE,
    UNREADABLE,
    Entry,
    decode_change,
    encode_change,
    position_of,
    upstream_microseconds,
)
from resolvers.later import mark_retrieved, shielded, stop
from resolvers.redis_times import RedisTimes

logger = logging.getLogger(__name__)
READ_AT_ONCE: Final = 500
BLOCK_MILLISECONDS: Final = 1000
"""How long one read of the streams waits for entries; a lost log is noticed after this time."""

CHECK_SECONDS: Final = 2.0
"""Time limit of `check`, for which every new subscription waits."""
# The key that a check writes is of no use after it.
CHECK_KEPT_SECONDS: Final = 60
RETRY_SECONDS: Final = 0.5
# Few, because polls find the change of a hint that is lost.
MAX_HINTS: Final = 1000
SKEW_MILLISECONDS: Final = 10_000


def key_text(key: RecordKey) -> str:
    """Return a record's key as part of a Redis key; `|` does not occur in a quoted identity."""
    return f"{quote(key.identity, safe=':')}|{key.global_id}"


class RedisEventLog:
    """The event log in a Redis stream. Lifetime: process.

    Args:
        redis: A client that returns bytes.
        prefix: The prefix of every key.
        config: Retention.
        replicated: Whether another server may take over, without the last writes of the one before.
        sleep: Waits between attempts to reach Redis; takes seconds.
        times: Measures commands other than the reads that wait for entries; None measures them for nobody.
    """

    def __init__(
        self,
        redis: "Redis",
        prefix: str,
        config: LogConfig,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        times: RedisTimes | None = None,
        *,
        replicated: bool = False,
    ) -> None:
        self._times = times or RedisTimes()
        self._redis = redis
        self._prefix = f"{prefix}events:"
        self._meta, self._stream, self._hints = (self._prefix + name for name in ("meta", "stream", "hints"))
        self._bounds = (int(config.keep_seconds * 1000), config.max_events)
        self._replicated = int(replicated)
        self._sleep = sleep
        id_lists = RedisIdLists(redis, self._prefix, self._bounds[0])
        self.keep_ids, self.kept_ids = id_lists.keep, id_lists.kept
        self._begin = redis.register_script(BEGIN)
        self._observe = redis.register_script(OBSERVE)
        self._history = redis.register_script(HISTORY)
        self._read_up_to: dict[Any, Any] = {self._stream: "0-0", self._hints: "0-0"}
        self._reading: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self.epoch = ""
        self.version = 0

    async def start(self, listener: LogListener) -> int:
        """Start to pass on to the listener what the log learns."""
        async with reachable():
            self.epoch, self.version, last, _ = await self._read_meta()
            # Hints from before the start concern records that nothing here followed then.
            newest: Any = await self._redis.xrevrange(self._hints, count=1)
        self._read_up_to[self._stream] = f"{last}-0"
        self._read_up_to[self._hints] = newest[0][0].decode() if newest else "0-0"
        self._reading = asyncio.create_task(self._read(listener))
        return last

    async def close(self) -> None:
        """Stop passing on changes; the client's owner closes its connections."""
        await stop([task for task in (self._reading, self._checking) if task is not None])

    async def check(self) -> None:
        """Check that Redis accepts writes now: it may be unreachable, hanging, full or a read-only replica.

        Concurrent checks share one write.
        """
        checking = self._checking
        if checking is None or checking.done():
            checking = self._checking = asyncio.create_task(self._write())
            checking.add_done_callback(mark_retrieved)
        await asyncio.wait((checking,), timeout=CHECK_SECONDS)
        if not checking.done():
            checking.cancel()
        # It is cancelled if a concurrent check has run out of time.
        if not checking.done() or checking.cancelled():
            raise LogUnreachable(f"The event log in Redis has not answered within {CHECK_SECONDS:g} seconds.")
        checking.result()

    async def _write(self) -> None:
        async with reachable():
            with self._times.measure("event_log"):
                await self._redis.set(self._prefix + "check", b"", ex=CHECK_KEPT_SECONDS)

    async def observe(self, observations: Sequence[Observation]) -> list[Recorded]:
        """Compare each observation with the known status, and append a change if they differ, each atomically."""
        # The Redis client may swallow a cancellation, so none reaches it.
        return await shielded(self._compare(observations))

    async def _compare(self, observations: Sequence[Observation]) -> list[Recorded]:
        # One round trip for all; each script is atomic, so the pipeline needs no transaction.
        async with reachable(), self._redis.pipeline(transaction=False) as pipeline:
            for observation in observations:
                await self._observe(*self._script_call(observation), client=pipeline)
            with self._times.measure("event_log"):
                replies = await pipeline.execute()
        return [self._outcome(reply) for reply in replies]

    async def history(self, keys: Sequence[RecordKey], after: int, epoch: str) -> list[Change] | None:
        """Return the changes of these records after a position; None if some are lost."""
        names = [self._meta, self._stream, *(self._key("positions", key) for key in keys)]
        async with reachable():
            with self._times.measure("event_log"):
                entries: Any = await shielded(self._history(names, [epoch, after, *self._bounds, self._replicated]))
        if entries is None:
            return None
        try:
            pairs = [(entry_id, dict(zip(fields[::2], fields[1::2], strict=True))) for entry_id, fields in entries]
            changes = [decode_change(one) for one in pairs]
        except UNREADABLE:
            # A change that cannot be replayed is lost for the subscription, which then sends a GAP.
            return None
        return sorted(changes, key=lambda change: change.position)

    async def last(self, key: RecordKey, position: int, epoch: str) -> Change | None:
        """Return the last change of a record at or before a position; None if it is lost, or the epoch is another."""
        async with reachable():
            found: Any = await self._redis.zrange(self._key("positions", key), 0, position, byscore=True)
        changes = await self.history([key], int(found[-1]) - 1, epoch) if found else None
        return changes[0] if changes else None

    async def hint(self, kind: str, local_id: str) -> None:
        """Pass a hint that this record may have changed to the listeners of all processes."""
        await self._add_hint({"kind": kind, "id": local_id})

    async def recheck(self, key: RecordKey) -> None:
        """Make the subscriptions of all processes read this record again."""
        await self._add_hint({"kind": key.kind, "id": key.local_id, "missed_by": key.identity})

    async def _add_hint(self, hint: dict[Any, Any]) -> None:
        async with reachable():
            with self._times.measure("event_log"):
                await self._redis.xadd(self._hints, hint, maxlen=MAX_HINTS, approximate=True)

    def _key(self, what: str, key: RecordKey) -> str:
        return f"{self._prefix}{what}:{key_text(key)}"

    def _script_call(self, observation: Observation) -> tuple[list[str], list[Any]]:
        record, key = observation.record, observation.key
        keys = [self._meta, self._stream, self._key("state", key), self._key("positions", key)]
        quiet = not observation.announces
        status = [record.raw_status, record.progress.value, upstream_microseconds(record), int(record.final)]
        return keys, [
            self.epoch,
            observation.since,
            *status,
            int(quiet),
            encode_change(observation),
            *self._bounds,
            int(observation.confirmed),
            self._replicated,
        ]

    def _outcome(self, reply: list[Any]) -> Recorded:
        verdict, position, version, epoch = reply
        # A version of another epoch cannot be compared with ours; its position would be waited for in vain.
        if epoch.decode() != self.epoch:
            return Recorded(Verdict.OUTRUN, 0)
        self.version = max(self.version, version)
        return Recorded(Verdict(verdict.decode()), position)

    async def _read_meta(self) -> tuple[str, int, int, int | None]:
        """Return epoch, version, last position, and the version at which this process's epoch has ended, if any."""
        arguments: list[Any] = [token_hex(8), self._replicated, self.epoch]
        with self._times.measure("event_log"):
            epoch, version, last, ended = await self._begin([self._meta], arguments)
        return epoch.decode(), int(version), int(last), None if ended is None else int(ended)

    async def _read(self, listener: LogListener) -> None:
        failing = False
        while True:
            try:
                if failing:
                    await self._check_epoch(listener)
                await self._read_once(listener)
                failing = False
            except (RedisError, OSError) as error:
                if not failing:
                    logger.warning("The event log in Redis cannot be read, and is tried again: %s", error)
                failing = True
                await self._sleep(RETRY_SECONDS)
            except Exception:
                # The reading task must survive every error, or subscriptions would wait forever.
                logger.exception(
                    "The event log met an error that is not foreseen; what comes next is read all the same."
                )
                failing = True
                await self._sleep(RETRY_SECONDS)

    async def _read_once(self, listener: LogListener) -> None:
        found: Any = await self._redis.xread(dict(self._read_up_to), count=READ_AT_ONCE, block=BLOCK_MILLISECONDS)
        batches = list(_batches(found))
        newest = max((position_of(batch[-1]) for name, batch in batches if name == self._stream), default=0)
        if (self._replicated or not batches) and not await self._check_epoch(listener, newest):
            # What was read may be of the lost log.
            return
        for name, batch in batches:
            # Before the entries are passed on: an entry that fails must not be read again and again.
            self._read_up_to[name] = batch[-1][0].decode()
            if name == self._hints:
                for _, fields in batch:
                    _pass_hint(listener, fields)
            else:
                self._pass_changes(listener, batch)

    def _pass_changes(self, listener: LogListener, batch: Sequence[Entry]) -> None:
        last = position_of(batch[-1])
        self.version = max(self.version, last)
        try:
            changes = [decode_change(entry) for entry in batch]
        except UNREADABLE as error:
            logger.warning(
                "The event log holds an entry that cannot be read, as another release of the gateway may write (%s); "
                "subscribers are told that there is a gap.",
                error,
            )
            listener.restarted(last)
        else:
            listener.receive(changes, last)

    async def _check_epoch(self, listener: LogListener, newest: int = 0) -> bool:
        """Restart the listener if Redis lost the log or fell back to an earlier state of it; whether it did not.

        Args:
            listener: The listener.
            newest: The last position that was read, which the log must still have.
        """
        # Noted before the read of `meta`: observations may advance the version in the meantime.
        known = max(self.version, newest)
        epoch, version, last, ended = await self._read_meta()
        if epoch == self.epoch and version >= known:
            return True
        if ended is not None and max(known, self.version) <= ended:
            logger.info("Another Redis has taken over with all of the event log that is known here.")
            self.epoch, self.version = epoch, version
            self._read_up_to[self._hints] = _earlier(self._read_up_to[self._hints])
            return True
        logger.warning("The event log in Redis was lost and begins anew; subscribers are told that there is a gap.")
        # Hints of the new log are read from its beginning; its changes from its last position, because subscriptions
        # read all records again after a restart.
        self.epoch, self.version = epoch, version
        self._read_up_to = {self._stream: f"{last}-0", self._hints: "0-0"}
        listener.restarted(last)
        return False


def _batches(found: Any) -> Iterator[tuple[str, list[Entry]]]:  # noqa: ANN401 - the reply of XREAD
    """Return the streams that have new entries, with these."""
    # Replies are a dict in RESP3, and a list in RESP2.
    for stream, entries in found.items() if isinstance(found, dict) else found or ():
        yield stream.decode(), entries[0] if isinstance(found, dict) else entries


def _earlier(entry_id: str) -> str:
    """Return the id of `SKEW_MILLISECONDS` before: the clock of another server may be behind, and with it its ids."""
    milliseconds, _, _ = entry_id.partition("-")
    return f"{max(0, int(milliseconds) - SKEW_MILLISECONDS)}-0"


def _pass_hint(listener: LogListener, fields: dict[bytes, bytes]) -> None:
    """Pass a hint on; an unreadable one is dropped, since polls find the change."""
    try:
        hint = {name.decode(): value.decode() for name, value in fields.items()}
        kind, local_id = hint["kind"], hint["id"]
    except UNREADABLE:
        logger.warning("A hint of another release of the gateway cannot be read, and is left aside.")
        return
    if "missed_by" in hint:
        listener.recheck(RecordKey(hint["missed_by"], kind, local_id))
    else:
        listener.hinted(kind, local_id)


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """Translate failures of Redis within the block to `LogUnreachable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise LogUnreachable(f"The event log in Redis cannot be asked: {error}") from error
