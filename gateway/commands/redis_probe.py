"""A probe of Redis: try every kind of command that the gateway uses, and explain what is unsuitable.

A Redis may accept the login and still be unusable: a replica, a cluster without some slots, a full one, an old one, one
that drops what is to be kept, or one whose user lacks rights. Each is recognized by its error or by what it says of
itself, and the message names the remedy.
"""

from collections.abc import Awaitable, Callable, Mapping
from secrets import token_hex
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    ClusterCrossSlotError,
    ClusterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from resolvers.redis_servers import RedisForm, RedisServers

TIMEOUT_SECONDS: Final = 5.0

# EXAT is new in Redis 6.2, which is the oldest that will do.
SCRIPT: Final = """
local time = redis.call('TIME')
redis.call('SET', KEYS[1], time[1], 'EXAT', time[1] + 60)
redis.call('SET', KEYS[1], redis.call('GET', KEYS[1]), 'KEEPTTL')
redis.call('HSET', KEYS[2], 'field', redis.call('TTL', KEYS[1]))
redis.call('PEXPIRE', KEYS[2], 60000)
redis.call('ZADD', KEYS[3], 1, 'member')
redis.call('EXPIRE', KEYS[3], 60)
return redis.call('HMGET', KEYS[2], 'field')
"""
"""A script with the kinds of commands that the gateway's scripts use, over several keys."""

_STRINGS: Final = "+get +set +del +unlink +mget +exists +expire +expireat +pexpire +ttl +scan"
_COLLECTIONS: Final = (
    "+hget +hset +hsetnx +hmget +hincrby +hkeys +hdel +sadd +srem +smembers +zadd +zrem +zrange +zrangebyscore "
    "+zremrangebyscore +xadd +xdel +xlen +xrange +xrevrange +xread"
)
_SERVER: Final = "+eval +evalsha +script|load +script|exists +multi +exec +publish +subscribe +ping +select +time +info"
RIGHTS: Final = {
    RedisForm.SINGLE: f"-@all {_STRINGS} {_COLLECTIONS} {_SERVER}",
    RedisForm.SENTINEL: f"-@all {_STRINGS} {_COLLECTIONS} {_SERVER} +wait",
    RedisForm.CLUSTER: (
        f"-@all {_STRINGS} {_COLLECTIONS} {_SERVER} +wait +spublish +ssubscribe +asking +command +cluster|slots "
        "+cluster|info"
    ),
}
"""The least rights that suffice, by the form of the Redis; documented in docs/settings.md."""

_CLUSTER: Final = "is a node of a cluster: name some of its nodes as redis+cluster://host1,host2"
_PERMISSIONS: Final = (
    "gives this user too few rights: ACL SETUSER <user> ~{prefix}* &{prefix}* {rights} lets it do all that is used"
)
_REFUSED_RIGHTS: Final = ("can't run this command", "ACL failure", "EXEC without MULTI")
"""Error texts for a command refused within a script, and for the end of a transaction whose begin was refused."""


class RedisUnfit(Exception):
    """Redis is reachable but unsuitable; the message contains the reason and the remedy."""


class RedisProbe:
    """Uses Redis as the gateway does; command lifetime.

    Args:
        url: The URL, including the password.
        prefix: The prefix of keys and channels.
    """

    name = "redis"
    prefix = "GATEWAY_REDIS_URL"

    def __init__(self, url: str, prefix: str) -> None:
        self._servers = RedisServers(url)
        self._prefix = prefix
        # Random, so that the probes of several processes do not meet.
        self._key = self._servers.together(f"{prefix}check:{token_hex(8)}:", "")

    async def run(self) -> None:
        """Connect, log in, and use a script, a stream, a transaction and a channel once.

        Raises:
            RedisUnfit: Redis is reachable but unsuitable.
            redis.RedisError: Redis did not answer.
        """
        async with self._servers.client(TIMEOUT_SECONDS, self._key) as redis:
            await self._try("to be asked", redis.ping)
            if self._servers.form is RedisForm.CLUSTER:
                await self._try("the state of the cluster", lambda: _check_cluster(redis))
            elif await _is_cluster_node(redis):
                raise RedisUnfit(f"It {_CLUSTER}.")
            for what, use in self._uses(redis).items():
                await self._try(what, use)
            await _check_eviction(redis)

    def _uses(self, redis: Redis) -> Mapping[str, Callable[[], Awaitable[Any]]]:
        return {
            "a script": lambda: self._run_script(redis),
            "a stream": lambda: self._use_stream(redis),
            "a transaction": lambda: self._use_transaction(redis),
            "a channel": lambda: self._publish(redis),
            "a search for keys": lambda: redis.scan(match=f"{self._key}*"),
            "to delete keys": lambda: redis.unlink(*(self._key + name for name in ("one", "two", "three", "stream"))),
        }

    async def _try(self, what: str, use: Callable[[], Awaitable[Any]]) -> None:
        try:
            await use()
        except RedisError as error:
            problem = self._problem(error)
            if problem is None:
                raise
            raise RedisUnfit(f"It {problem}. It refused {what}: {error}") from None

    async def _run_script(self, redis: Redis) -> None:
        script = redis.register_script(SCRIPT)
        await script(keys=[self._key + name for name in ("one", "two", "three")])

    async def _use_stream(self, redis: Redis) -> None:
        stream = f"{self._key}stream"
        await redis.xadd(stream, {"field": "value"}, maxlen=1)
        # So that nothing is left behind if the probe ends before it deletes its keys.
        await redis.expire(stream, 60)
        await redis.xrevrange(stream, count=1)
        # A block of 0 would wait for ever.
        await redis.xread({stream: "0-0"}, count=1, block=1)

    async def _use_transaction(self, redis: Redis) -> None:
        async with redis.pipeline(transaction=True) as pipeline:
            pipeline.sadd(f"{self._key}four", "member")
            pipeline.smembers(f"{self._key}four")
            pipeline.delete(f"{self._key}four")
            await pipeline.execute()

    async def _publish(self, redis: Redis) -> None:
        async with redis.pubsub() as subscription:
            clustered = self._servers.form is RedisForm.CLUSTER
            subscribe = subscription.ssubscribe if clustered else subscription.subscribe
            await subscribe(self._key)
            # The first message confirms the subscription; nothing that was published before it is delivered.
            await subscription.get_message(timeout=TIMEOUT_SECONDS)
            await (redis.spublish if clustered else redis.publish)(self._key, "heard")
            if await subscription.get_message(timeout=TIMEOUT_SECONDS) is None:
                raise RedisUnfit("It does not deliver what is published on a channel.")

    def _problem(self, error: RedisError) -> str | None:
        """Return the problem that an error indicates; None for errors of the connection."""
        # By text as well, because errors within a script are all of one type.
        said = str(error)
        if isinstance(error, ClusterDownError) and self._servers.form is RedisForm.CLUSTER:
            return "does not serve all slots: see CLUSTER INFO, and bring the missing nodes back"
        if isinstance(error, AskError | ClusterCrossSlotError | ClusterDownError):
            return _CLUSTER
        if isinstance(error, NoPermissionError) or any(sign in said for sign in _REFUSED_RIGHTS):
            return _PERMISSIONS.format(prefix=self._prefix, rights=RIGHTS[self._servers.form])
        if isinstance(error, AuthenticationError | AuthorizationError):
            return "refuses the login: check user and password"
        if isinstance(error, ReadOnlyError) or "READONLY" in said:
            return "is a replica, which takes no changes: name the primary"
        if isinstance(error, OutOfMemoryError) or "OOM " in said:
            return "has no memory left: give it more, or let it drop old keys (maxmemory-policy volatile-lru)"
        if isinstance(error, ResponseError):
            # Last of all, because most errors above are kinds of it.
            return "does not know a command that is used: take Redis 6.2 or later, or something that does all it does"
        return None


async def _is_cluster_node(redis: Redis) -> bool:
    """Whether Redis reports cluster mode."""
    # Without the right to ask, a command that is refused later shows it.
    try:
        found = await redis.info("cluster")
    except ResponseError:
        return False
    return bool(found.get("cluster_enabled"))


async def _check_cluster(redis: Redis) -> None:
    """Check that every slot has a node.

    Raises:
        RedisUnfit: Some have none.
    """
    found: Any = await redis.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]  # the library has no types for it
    state = found if isinstance(found, dict) else _fields_of(found)
    if state.get("cluster_state") != "ok":
        assigned = state.get("cluster_slots_ok", "0")
        raise RedisUnfit(f"It is a cluster that serves {assigned} of its 16384 slots: bring the missing nodes back.")


def _fields_of(lines: bytes | str) -> dict[str, str]:
    text = lines.decode() if isinstance(lines, bytes) else lines
    return dict(line.split(":", 1) for line in text.split() if ":" in line)


async def _check_eviction(redis: Redis) -> None:
    """Check that Redis drops no keys that are to be kept, when it is full.

    Raises:
        RedisUnfit: It drops any key.
    """
    try:
        # Without the right to ask it stays open, and is no fault.
        found = await redis.info("memory")
    except ResponseError:
        return
    policy = str(found.get("maxmemory_policy", ""))
    if int(found.get("maxmemory", 0)) and policy.startswith("allkeys"):
        raise RedisUnfit(
            f"It drops any key when it is full (maxmemory-policy {policy}), the event log too: take volatile-lru, "
            "which drops records, sessions and budgets only, or noeviction."
        )
