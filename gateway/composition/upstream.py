"""The interface by which an upstream describes itself to the composition root."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from gateway.settings.model import UpstreamLimits
from resolvers.accounts import Account
from resolvers.upstreams.call import CallScope, Transport
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.breaker import BreakerConfig
from resolvers.upstreams.transport.rate_state import PacingConfig
from resolvers.upstreams.transport.stack import Stack, StackConfig, StackSurroundings, build_stack
from resolvers.upstreams.transport.wire.wire import ConnectionsByTls, Wire

Group = TypeVar("Group", bound=UpstreamLimits)


@dataclass(frozen=True, slots=True)
class Transports:
    """The policies around each address of the upstreams; process lifetime.

    Accounts at one address share its policies if they have the same limits.

    Args:
        connections: The connections of the process.
        surroundings: The clock, rates and observer of all of them.
    """

    connections: ConnectionsByTls
    surroundings: StackSurroundings
    _stacks: dict[tuple[UpstreamName, str, UpstreamLimits], Stack] = field(default_factory=dict)

    @property
    def clock(self) -> Callable[[], float]:
        """The event loop's clock, in seconds."""
        return self.surroundings.clock

    def stack(self, upstream: "UpstreamComposition[Group]", url: str, limits: UpstreamLimits) -> Stack:
        """Return the policies around one address of an upstream.

        Args:
            upstream: The upstream.
            url: The base URL.
            limits: The account's limits.
        """
        # With limits of its own an account has a breaker and places of its own too, because a call that is late for one
        # account may be in time for another.
        key = (upstream.name, url, limits.limits_only)
        if key not in self._stacks:
            wire = Wire(self.connections.of(limits.tls), max_answer_bytes=limits.max_answer_bytes)
            config = StackConfig(
                limits.timeout_seconds,
                limits.concurrency,
                breaker=BreakerConfig(spared_statuses=upstream.spared_statuses),
                pacing=PacingConfig(limits.rate_per_second),
                propagates=limits.propagate_traces,
            )
            self._stacks[key] = build_stack(wire, f"{upstream.name.name}:{url}", config, self.surroundings)
        return self._stacks[key]

    def stacks(self, upstream: UpstreamName) -> Sequence[Stack]:
        """Return the policies around each address of an upstream, those of logins aside."""
        return [stack for (name, *_), stack in self._stacks.items() if name is upstream]

    @property
    def located(self) -> Sequence[tuple[UpstreamName, str, Stack]]:
        """Every upstream, its base URL, and the policies around that."""
        return [(name, url, stack) for (name, url, _), stack in self._stacks.items()]

    def logins(self, url: str, limits: UpstreamLimits, at_once: int) -> Transport:
        """Return policies for logins at an address, apart from those of queries, which so never wait for a login.

        Args:
            url: The base URL.
            limits: Supply the timeout, in seconds, and the bound on answers, in bytes.
            at_once: How many logins run at the same time.
        """
        # Logins have no identity yet: over a connection that is kept, a stray answer would be another person's.
        connections = self.connections.of(limits.tls)
        wire = Wire(connections, max_answer_bytes=limits.max_answer_bytes, keeps_connections=False)
        config = StackConfig(limits.timeout_seconds, at_once)
        return build_stack(wire, f"logins:{url}", config, self.surroundings).transport


class UpstreamComposition(ABC, Generic[Group]):
    """One REST API as a part of the gateway; process lifetime.

    Attributes:
        name: The upstream; its settings are the group of this name in lower case.
        spared_statuses: Statuses of 500 and above that are no sign of an outage.
        query: A Strawberry type whose fields are added to `Query`; None if it has them already.
        mutation: A Strawberry type whose fields are added to `Mutation`; None if it has them already.
    """

    name: ClassVar[UpstreamName]
    spared_statuses: ClassVar[frozenset[int]] = frozenset()
    query: ClassVar[type | None] = None
    mutation: ClassVar[type | None] = None

    def group(self, settings: object) -> Group | None:
        """Return the upstream's group of the gateway's or an account's settings; None where it is unconfigured."""
        group: Group | None = getattr(settings, self.name.name.lower(), None)
        return group

    @abstractmethod
    def urls(self, group: Group) -> Sequence[str]:
        """Return every base URL that calls are sent to."""

    @abstractmethod
    def client(self, identity: str, group: Group, transports: Transports) -> object:
        """Return a client with an account's credentials.

        Args:
            identity: Identifies the account in keys and metrics; never a secret.
            group: Its credentials and addresses.
            transports: The policies around each address.
        """

    @abstractmethod
    async def probe(self, account: Account, group: Group, scope: CallScope) -> None:
        """Make one cheap call that needs the account's credentials, for `gateway check`.

        Raises:
            GatewayError: The call failed.
        """
