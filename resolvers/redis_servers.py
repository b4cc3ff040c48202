"""Clients of Redis in each of its forms: one server, a master that sentinels name, or a cluster.

Theory of operation
-------------------
The URL says the form (`parse_address`)::

    redis://host/0                        one server; also rediss: with TLS, and unix: for a socket
    redis+sentinel://h1,h2,h3/service/0   the master of a service, as the sentinels h1, h2 and h3 know it
    redis+cluster://h1,h2/                the nodes of a cluster, of which h1 and h2 are some

There are two kinds of clients. `client(key=...)` speaks to one server at a time, so that pipelines, transactions and
blocking reads work as with a Redis of its own: in a cluster this is the node that has the key's slot, and the keys that
are used together have one hash tag (`together`). `spread` sends each command to the node of its keys.

A client of a master or of a slot looks it up whenever it connects, and disconnects when the server turns out to be no
longer the right one (READONLY, MOVED). A failover therefore looks like a Redis that was away for a moment.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, Protocol, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
)
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisError


class RedisForm(Enum):
    """How the servers work together; the value is what the scheme of a URL ends in."""

    SINGLE = ""
    SENTINEL = "+sentinel"
    CLUSTER = "+cluster"


DEFAULT_PORTS: Final = {RedisForm.SENTINEL: 26379, RedisForm.CLUSTER: 6379}

SENTINEL_CREDENTIALS: Final = ("sentinel_username", "sentinel_password")
"""Options of a URL with the login to the sentinels, which differs from that to the data."""

DISCOVERY_SECONDS: Final = 0.5
"""Time limit of a question to a sentinel or a cluster node; the next one is asked after it."""


MAX_CONNECTIONS: Final = 1000
"""Of a client of one server: commands at a time. Beyond the library's 100, a burst of requests would look like a Redis
that is away, and each process would for a moment pace its calls alone."""

KEPT_CONNECTIONS: Final = 32
"""Idle ones that a client keeps; those of a burst are closed after it."""


class RedisAddress(msgspec.Struct, frozen=True):
    """The parts of a Redis URL. Lifetime: process.

    Args:
        form: How the servers work together.
        url: The URL of one server, with user, password, database and options; for several, of the first.
        hosts: The hosts and ports of the sentinels or of nodes; empty for one server.
        service: The name of the master, as the sentinels know it.
        sentinel_login: User and password for the sentinels, where they need them.
    """

    form: RedisForm
    url: str
    hosts: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_login: Mapping[str, str] = msgspec.field(default_factory=dict)


def parse_address(url: str) -> RedisAddress:
    """Return the parts of a URL.

    Raises:
        ValueError: A host or port of several is none; the message contains no part of the URL.
    """
    parts = urlsplit(url)
    tls, plus, rest = parts.scheme.partition("+")
    form = RedisForm(plus + rest)
    if form is RedisForm.SINGLE:
        return RedisAddress(form, url)
    login, at, listed = parts.netloc.rpartition("@")
    hosts = tuple(_host_and_port(one, DEFAULT_PORTS[form]) for one in listed.split(","))
    service, _, database = parts.path.strip("/").partition("/")
    options = parse_qsl(parts.query, keep_blank_values=True)
    others = urlencode([(name, value) for name, value in options if name not in SENTINEL_CREDENTIALS])
    first = urlunsplit((tls, f"{login}{at}{_bracketed(hosts[0][0])}:{hosts[0][1]}", f"/{database}", others, ""))
    sentinel_login = {name.removeprefix("sentinel_"): value for name, value in options if name in SENTINEL_CREDENTIALS}
    return RedisAddress(form, first, hosts, service, sentinel_login)


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    host, port = parts.hostname, parts.port
    if not host or port == 0 or parts.path or parts.username is not None:
        raise ValueError("There is a host without a name.")
    return host, port or default


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class RedisServers:
    """Makes clients for the Redis of a URL. Lifetime: process.

    Args:
        url: The URL, with its password.
    """

    def __init__(self, url: str) -> None:
        self._address = parse_address(url)
        self.form = self._address.form

    @property
    def replicated(self) -> bool:
        """Whether another server may take over, without the last writes of the one before."""
        return self.form is not RedisForm.SINGLE

    def together(self, prefix: str, name: str) -> str:
        """Return a prefix for keys that scripts and pipelines use together: in a cluster they are in one slot."""
        # The hash tag has the prefix in it, so that gateways that share a cluster do not all use the same node.
        return f"{prefix}{{{prefix}{name}}}:" if self.form is RedisForm.CLUSTER else prefix

    def client(self, seconds: float, key: str = "") -> Redis:
        """Return a client of one server at a time.

        Args:
            seconds: Time limit of a command, and of a connection.
            key: In a cluster, the key whose slot's node the client is for.
        """
        address = self._address
        limits: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        if self.form is RedisForm.SINGLE:
            return Redis.from_pool(_Pool.from_url(address.url, max_connections=MAX_CONNECTIONS, **limits))
        options = {**_options(address.url), **limits}
        if self.form is RedisForm.SENTINEL:
            return following(address.service, _sentinels(address, options), options)
        return following(key, SlotOwners(address.hosts, options), options)

    def spread(self, seconds: float) -> Redis:
        """Return a client that sends each command to the node of its keys, which are in one slot.

        Without a cluster, this is a client of the one server. It has no blocking commands and no transactions.
        """
        if self.form is not RedisForm.CLUSTER:
            return self.client(seconds)
        options = _options(self._address.url)
        cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in self._address.hosts],
            # Where some slots have no node, the records of the others are still of use.
            require_full_coverage=False,
            # Once more, after the nodes were asked where the slots are now.
            retry=Retry(NoBackoff(), 1),
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            **options,
        )
        # It has the commands of `Redis` that are sent by it.
        return cast(Redis, cluster)


async def drop_idle_connections(client: Redis) -> None:
    """Close the connections of a client that are not in use: they may lead to a server that went away."""
    # Typed as what it stands in for, see `spread`.
    either: Any = client
    if isinstance(either, RedisCluster):
        for node in either.get_nodes():
            await node.disconnect_free_connections()
    else:
        await client.connection_pool.disconnect(inuse_connections=False)


def _options(url: str) -> dict[str, Any]:
    """Return what a URL says of connections, without where they lead to."""
    options: dict[str, Any] = {**parse_url(url)}
    del options["host"], options["port"]
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    return options


def _sentinels(address: RedisAddress, options: Mapping[str, Any]) -> Sentinel:
    """Return a client of the sentinels, with their own login and the TLS options of the data nodes."""
    shared = {name: value for name, value in options.items() if name.startswith("ssl")}
    return Sentinel(  # type: ignore[no-untyped-call]  # the library has no types for it
        address.hosts, sentinel_kwargs={**shared, **address.sentinel_login, **_ONE_QUESTION}, **_ONE_QUESTION
    )


_ONE_QUESTION: Final[Mapping[str, Any]] = {
    "socket_timeout": DISCOVERY_SECONDS,
    "socket_connect_timeout": DISCOVERY_SECONDS,
    # The next server is asked instead.
    "retry": Retry(NoBackoff(), 0),
}


class ServerFinder(Protocol):
    """Finds the server that a client is for; redis-py's `Sentinel` is one. Lifetime: that of its client."""

    async def discover_master(self, name: str) -> tuple[str, int]:
        """Return host and port of the server for a name.

        Raises:
            MasterNotFoundError: There is none, or nobody answers who knows it.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class SlotOwners:
    """Finds the node that has a key's slot, by asking the nodes of a cluster. Lifetime: that of its client.

    Args:
        hosts: Some nodes; others are learnt from them.
        options: Options of the connections.
    """

    def __init__(self, hosts: Sequence[tuple[str, int]], options: Mapping[str, Any]) -> None:
        self._options = {**options, **_ONE_QUESTION}
        self._nodes = {address: self._node(address) for address in hosts}

    async def discover_master(self, name: str) -> tuple[str, int]:
        """Return host and port of the node that has the slot of a key, here the name.

        Raises:
            MasterNotFoundError: No node answers, or none has the slot.
        """
        failures = []
        for address, node in list(self._nodes.items()):
            try:
                slots: Any = await node.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]  # the library has no types for it
            except RedisError as error:
                failures.append(str(error))
                continue
            owner = self._owner(slots, key_slot(name.encode()), address[0])
            if owner is not None:
                return owner
        raise MasterNotFoundError(f"No node of the cluster has the slot of {name}: {'; '.join(failures) or 'all ask'}")

    async def aclose(self) -> None:
        """Close the connections."""
        for node in self._nodes.values():
            await node.aclose()

    def _owner(self, slots: Sequence[Sequence[Any]], slot: int, asked: str) -> tuple[str, int] | None:
        found = None
        for first, last, (host, port, *_), *_replicas in slots:
            # A node that does not know its own address leaves it out.
            address = (host.decode() if host else asked, int(port))
            # A node of today may be the only one that is left of those in the URL tomorrow.
            self._nodes.setdefault(address, self._node(address))
            if first <= slot <= last:
                found = address
        return found

    def _node(self, address: tuple[str, int]) -> Redis:
        return Redis(host=address[0], port=address[1], **self._options)


class _Pool(ConnectionPool):
    """Connections, of which few are kept while they are idle."""

    async def release(self, connection: AbstractConnection) -> None:
        await super().release(connection)
        if len(self._available_connections) > KEPT_CONNECTIONS:
            await self._available_connections.pop(0).disconnect(nowait=True)


class _ServerConnection(SentinelManagedConnection):
    """A connection to the server that the pool finds, ended when the server is no longer the right one."""

    async def read_response(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the library has it
        try:
            return await super().read_response(*args, **options)
        except MovedError:
            await self.disconnect()
            raise RedisConnectionError("The slot has moved to another node of the cluster.") from None


class _ServerTLSConnection(_ServerConnection, SSLConnection):
    """The same over TLS."""


class _ServerPool(SentinelConnectionPool):
    """Connections to the server that `finder` names, closed together with those of the finder."""

    def __init__(self, name: str, finder: ServerFinder, options: Mapping[str, Any]) -> None:
        options = dict(options)
        connection_class = _ServerTLSConnection if options.pop("ssl", False) else _ServerConnection
        super().__init__(name, finder, connection_class=connection_class, **options)  # type: ignore[no-untyped-call]  # the same
        self._finder = finder

    async def aclose(self) -> None:
        await super().aclose()
        await self._finder.aclose()


def following(name: str, finder: ServerFinder, options: Mapping[str, Any]) -> Redis:
    """Return a client of the server that a finder names for `name`, looked up at each connection."""
    return Redis.from_pool(_ServerPool(name, finder, options))
