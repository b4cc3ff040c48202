"""Real groups of Redis processes: a master with a replica and three sentinels, and the masters of a cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from tests.redis_server import RedisServer

SERVICE: Final = "gateway.main"
SLOTS: Final = 16_384
READY_SECONDS: Final = 20
COPIED_DIRECTLY: Final = ("--repl-diskless-sync-delay", "0", "--repl-diskless-load", "swapdb")
"""Options by which a replica copies its master at once, and without a file in the folder of the tests."""
DOWN_MILLISECONDS: Final = 1000
"""How long a server may be silent until it is taken for dead."""


class SentinelServer(RedisServer):
    """A sentinel. Lifetime: one test.

    Args:
        folder: For its configuration, which it writes itself.
        configuration: The first lines of it.
    """

    ready = ("Sentinel ID is", "Sentinel new configuration saved")

    def __init__(self, folder: Path, *configuration: str) -> None:
        super().__init__()
        self._file = folder / f"sentinel-{self.port}.conf"
        self._file.write_text("".join(f"{line}\n" for line in configuration))

    def _arguments(self) -> list[str]:
        return [str(self._file), "--port", str(self.port), "--bind", "127.0.0.1", "--sentinel"]


async def ask(server: RedisServer, *command: str) -> Any:  # noqa: ANN401 - the reply
    """Send a command to one server, past all others."""
    async with Redis.from_url(server.url, socket_timeout=5.0) as redis:
        return await redis.execute_command(*command)  # type: ignore[no-untyped-call]  # the library has no types for it


async def until(condition: Any, seconds: float = READY_SECONDS) -> float:  # noqa: ANN401 - an asynchronous function
    """Wait until a condition holds, and return the seconds it took; a failure of Redis counts as no."""
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(seconds):
        while True:
            try:
                if await condition():
                    return asyncio.get_running_loop().time() - began
            except (RedisError, OSError):
                pass
            await asyncio.sleep(0.05)


class SentinelGroup:
    """A master, its replica, and three sentinels. Lifetime: one test.

    Args:
        folder: For the sentinels' configurations.
        login: Lines that each sentinel has as well.
    """

    def __init__(self, folder: Path, *login: str) -> None:
        self.master = RedisServer(*COPIED_DIRECTLY)
        self.replica = RedisServer(*COPIED_DIRECTLY, "--replicaof", "127.0.0.1", str(self.master.port))
        watched = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.master.port} 2",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_MILLISECONDS}",
            f"sentinel failover-timeout {SERVICE} 5000",
            *login,
        )
        self.sentinels = [SentinelServer(folder, *watched) for _ in range(3)]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    async def start(self) -> None:
        """Start all, and return once every sentinel knows the replica and the others."""
        for server in (self.master, self.replica):
            server.start()
        await until(lambda: self._replicates(self.replica))
        for sentinel in self.sentinels:
            sentinel.start()
        for sentinel in self.sentinels:
            await until(lambda sentinel=sentinel: self._knows_all(sentinel))

    def stop(self) -> None:
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()

    async def _replicates(self, replica: RedisServer) -> bool:
        return b"master_link_status:up" in await _info(replica)

    async def _knows_all(self, sentinel: RedisServer) -> bool:
        async with Redis.from_url(sentinel.url) as redis:
            state: Any = await redis.sentinel_master(SERVICE)
        return int(state["num-slaves"]) == 1 and int(state["num-other-sentinels"]) == 2 and bool(state["is_master"])


async def _info(server: RedisServer) -> bytes:
    async with Redis.from_url(server.url) as redis:
        found = await redis.info("replication")
    return b" ".join(f"{name}:{value}".encode() for name, value in found.items())


@asynccontextmanager
async def sentinel_group(folder: Path, *login: str) -> AsyncIterator[SentinelGroup]:
    """A group that runs within the block."""
    group = SentinelGroup(folder, *login)
    try:
        await group.start()
        yield group
    finally:
        group.stop()


class RedisCluster:
    """Three masters, each with a replica. Lifetime: one test.

    Args:
        folder: For the nodes' own files.
    """

    def __init__(self, folder: Path, masters: int = 3) -> None:
        self.nodes = [self._node(folder, number) for number in range(2 * masters)]
        self.masters, self.replicas = self.nodes[:masters], self.nodes[masters:]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.masters)
        return f"redis+cluster://{hosts}/"

    async def start(self) -> None:
        """Start the nodes, join them, and return once all of them take commands."""
        for node in self.nodes:
            node.start()
        first, share = self.masters[0], SLOTS // len(self.masters)
        for number, node in enumerate(self.nodes):
            await ask(node, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            await ask(first, "CLUSTER", "MEET", "127.0.0.1", str(node.port))
        for number, master in enumerate(self.masters):
            last = SLOTS if master is self.masters[-1] else (number + 1) * share
            await ask(master, "CLUSTER", "ADDSLOTSRANGE", str(number * share), str(last - 1))
        for master, replica in zip(self.masters, self.replicas, strict=True):
            master_id = await self.id_of(master)
            await until(lambda replica=replica, master_id=master_id: self._replicate(replica, master_id))
        for node in self.nodes:
            await until(lambda node=node: self._is_ready(node))

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    async def id_of(self, node: RedisServer) -> str:
        """The name of a node among the others."""
        found: bytes = await ask(node, "CLUSTER", "MYID")
        return found.decode()

    async def owner(self, key: str) -> RedisServer:
        """The node that has a key's slot, as the nodes that run know it."""
        slot, running = key_slot(key.encode()), next(node for node in self.nodes if node.running)
        slots = await ask(running, "CLUSTER SLOTS")
        port = next(master[1] for first, last, master, *_ in slots if first <= slot <= last)
        return next(node for node in self.nodes if node.port == port)

    def replica_of(self, master: RedisServer) -> RedisServer:
        """The replica that a master has at first."""
        return self.replicas[self.masters.index(master)]

    async def fail_over(self, master: RedisServer, seconds: float = 1.0) -> None:
        """Kill a master, and after some seconds let its replica take its slots.

        The replica does not wait to be elected: an election takes seconds, and fails at times on a busy machine.
        """
        master.kill()
        await asyncio.sleep(seconds)
        await ask(self.replica_of(master), "CLUSTER", "FAILOVER", "TAKEOVER")

    async def move_slot(self, key: str, to: RedisServer) -> None:
        """Move the slot of a key to another master, key by key, as `redis-cli --cluster reshard` does."""
        slot, source = str(key_slot(key.encode())), await self.owner(key)
        source_id, to_id = await self.id_of(source), await self.id_of(to)
        await ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        await ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", to_id)
        while names := await ask(source, "CLUSTER", "GETKEYSINSLOT", slot, "10"):
            await ask(source, "MIGRATE", "127.0.0.1", str(to.port), "", "0", "5000", "KEYS", *names)
        for node in (to, source, *(one for one in self.masters if one not in (to, source))):
            await ask(node, "CLUSTER", "SETSLOT", slot, "NODE", to_id)

    @staticmethod
    def _node(folder: Path, number: int) -> RedisServer:
        place = folder / f"node-{number}"
        place.mkdir()
        return RedisServer(
            *("--cluster-enabled", "yes", "--dir", str(place), "--cluster-node-timeout", str(2 * DOWN_MILLISECONDS)),
            *COPIED_DIRECTLY,
        )

    async def _replicate(self, replica: RedisServer, master_id: str) -> bool:
        # The replica hears of the master by gossip.
        await ask(replica, "CLUSTER", "REPLICATE", master_id)
        return True

    async def _is_ready(self, node: RedisServer) -> bool:
        state = str(await ask(node, "CLUSTER", "INFO"))
        link = b"master_link_status:down" not in await _info(node)
        return "cluster_state:ok" in state and f"cluster_slots_assigned:{SLOTS}" in state and link


@asynccontextmanager
async def redis_cluster(folder: Path) -> AsyncIterator[RedisCluster]:
    """A cluster that runs within the block."""
    cluster = RedisCluster(folder)
    try:
        await cluster.start()
        yield cluster
    finally:
        cluster.stop()
