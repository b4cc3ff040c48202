"""A probe of Redis: try every kind of command that the gateway uses, and explain what is unsuitable.

A Redis may accept the login and still be unusable: a replica, a cluster node, a full one, an old one, or one whose user
lacks rights. Each is recognized by its error, and the message names the remedy.
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

TIMEOUT_SECONDS: Final = 5.0

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

_CLUSTER: Final = (
    "is a node of a cluster, and the gateway's scripts use several keys at once: name a Redis without cluster mode"
)
_PERMISSIONS: Final = (
    "gives this user too few rights: ACL SETUSER <user> ~{prefix}* &{prefix}* +@all lets it do all that is used"
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
        self._url = url
        self._prefix = prefix
        self._key = f"{prefix}check:{token_hex(8)}:"

    async def run(self) -> None:
        """Connect, log in, and use a script, a stream, a transaction and a channel once.

        Raises:
            RedisUnfit: Redis is reachable but unsuitable.
            redis.RedisError: Redis did not answer.
        """
        redis = Redis.from_url(self._url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
        async with redis:
            await self._try("to be asked", redis.ping)
            if await _is_cluster_node(redis):
                raise RedisUnfit(f"It {_CLUSTER}.")
            for what, use in self._uses(redis).items():
                await self._try(what, use)

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
        await redis.xread({stream: "0-0"}, count=1, block=1)

    async def _use_transaction(self, redis: Redis) -> None:
        async with redis.pipeline(transaction=True) as pipeline:
            pipeline.sadd(f"{self._key}four", "member")
            pipeline.smembers(f"{self._key}four")
            pipeline.delete(f"{self._key}four")
            await pipeline.execute()

    async def _publish(self, redis: Redis) -> None:
        async with redis.pubsub() as subscription:
            await subscription.subscribe(self._key)
            # The first message confirms the subscription; nothing that was published before it is delivered.
            await subscription.get_message(timeout=TIMEOUT_SECONDS)
            await redis.publish(self._key, "heard")
            if await subscription.get_message(timeout=TIMEOUT_SECONDS) is None:
                raise RedisUnfit("It does not deliver what is published on a channel.")

    def _problem(self, error: RedisError) -> str | None:
        """Return the problem that an error indicates; None for errors of the connection."""
        # By text as well, because errors within a script are all of one type.
        said = str(error)
        if isinstance(error, AskError | ClusterCrossSlotError | ClusterDownError):
            return _CLUSTER
        if isinstance(error, NoPermissionError) or any(sign in said for sign in _REFUSED_RIGHTS):
            return _PERMISSIONS.format(prefix=self._prefix)
        if isinstance(error, AuthenticationError | AuthorizationError):
            return "refuses the login: check user and password"
        if isinstance(error, ReadOnlyError) or "READONLY" in said:
            return "is a replica, which takes no changes: name the primary"
        if isinstance(error, OutOfMemoryError) or "OOM " in said:
            return "has no memory left: give it more, or let it drop old keys (maxmemory-policy volatile-lru)"
        if isinstance(error, ResponseError):
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
