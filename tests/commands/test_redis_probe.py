"""Messages of `gateway check` about an unsuitable Redis, on real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.commands.redis_probe import RIGHTS, RedisProbe, RedisUnfit
from resolvers.redis_servers import RedisForm
from tests.redis_server import RedisServer

PREFIX = "gateway:"
GATEWAY_USER = ("ACL", "SETUSER", "gateway", "on", ">planted", "resetchannels")


async def said_of(url: str) -> str:
    with pytest.raises(RedisUnfit) as unfit:
        await RedisProbe(url, PREFIX).run()
    return str(unfit.value)


async def ask(url: str, *command: str) -> None:
    async with Redis.from_url(url) as redis:
        await redis.execute_command(*command)  # type: ignore[no-untyped-call]  # the library has no types for it


@pytest.fixture
def cluster_node(tmp_path: Path) -> Iterator[RedisServer]:
    node = RedisServer("--cluster-enabled", "yes", "--dir", str(tmp_path))
    node.start()
    yield node
    node.kill()


async def test_a_redis_of_its_own_will_do_and_keeps_nothing_of_the_check(own_redis: RedisServer) -> None:
    await RedisProbe(own_redis.url, PREFIX).run()

    async with Redis.from_url(own_redis.url) as redis:
        assert await redis.keys() == []


async def test_a_node_of_a_cluster_will_not_do(cluster_node: RedisServer) -> None:
    assert "is a node of a cluster" in await said_of(cluster_node.url)


async def test_a_node_of_a_cluster_that_may_not_say_so_shows_it(cluster_node: RedisServer) -> None:
    await ask(cluster_node.url, "ACL", "SETUSER", "default", "-info")

    assert "is a node of a cluster" in await said_of(cluster_node.url)


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        (["~*", "&*", "+@all", "-eval", "-evalsha", "-script"], "It refused a script: "),
        (["~*", "&*", "+@all", "-zadd"], "It refused a script: "),
        (["~*", "&*", "+@all", "-xadd"], "It refused a stream: "),
        (["~*", "&*", "+@all", "-multi"], "It refused a transaction: "),
        (["~*", "&*", "+@all", "-publish"], "It refused a channel: "),
        (["~*", "+@all"], "It refused a channel: "),
        (["~*", "&*", "+@all", "-scan"], "It refused a search for keys: "),
        (["~other:*", "&*", "+@all"], "It refused a script: "),
    ],
)
async def test_a_user_with_too_few_rights_is_told_which_one_and_what_helps(
    own_redis: RedisServer, rules: list[str], refused: str
) -> None:
    await ask(own_redis.url, *GATEWAY_USER, *rules)

    said = await said_of(own_redis.url.replace("//", "//gateway:planted@"))

    assert f"ACL SETUSER <user> ~gateway:* &gateway:* {RIGHTS[RedisForm.SINGLE]}" in said
    assert refused in said
    assert "planted" not in said


async def test_a_user_with_the_rights_that_are_recommended_will_do(own_redis: RedisServer) -> None:
    await ask(own_redis.url, *GATEWAY_USER, "~gateway:*", "&gateway:*", *RIGHTS[RedisForm.SINGLE].split())

    await RedisProbe(own_redis.url.replace("//", "//gateway:planted@"), PREFIX).run()


async def test_a_wrong_password_is_named(own_redis: RedisServer) -> None:
    said = await said_of(own_redis.url.replace("//", "//default:planted@").replace("default", "nobody"))

    assert "refuses the login" in said
    assert "planted" not in said


async def test_a_replica_will_not_do(own_redis: RedisServer) -> None:
    await ask(own_redis.url, "REPLICAOF", "127.0.0.1", "1")

    assert "is a replica, which takes no changes" in await said_of(own_redis.url)


async def test_a_redis_that_drops_any_key_will_not_do(own_redis: RedisServer) -> None:
    await ask(own_redis.url, "CONFIG", "SET", "maxmemory", "100mb")
    await ask(own_redis.url, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")

    assert "maxmemory-policy allkeys-lru" in await said_of(own_redis.url)


async def test_a_redis_without_memory_will_not_do(own_redis: RedisServer) -> None:
    async with Redis.from_url(own_redis.url) as redis:
        await redis.config_set("maxmemory", "1")

        assert "has no memory left" in await said_of(own_redis.url)
