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
from resolvers.upstreams.transport.wire.wire import Connections, Wire

Group = TypeVar("Group", bound=UpstreamLimits)


@dataclass(frozen=True, slots=True)
class Transports:
    """The policies around each address of the upstreams; process lifetime.

    Accounts at one address share its policies where they have the same limits; with limits of its own an account has a
    breaker and places of its own too, for a call that is late for one may be in time for another.

    Args:
        connections: What all of them send over.
        surroundings: Clock, rates and observer of all of them.
    """

    connections: Connections
    surroundings: StackSurroundings
    _stacks: dict[tuple[UpstreamName, str, UpstreamLimits], Stack] = field(default_factory=dict)

    @property
    def clock(self) -> Callable[[], float]:
        """The event loop's, in seconds."""
        return self.surroundings.clock

    def stack(self, upstream: "UpstreamComposition[Group]", url: str, limits: UpstreamLimits) -> Stack:
        """Return the policies around one address of an upstream.

        Args:
            upstream: Which one.
            url: The base URL.
            limits: The account's.
        """
        key = (upstream.name, url, limits.limits_only)
        if key not in self._stacks:
            wire = Wire(self.connections, max_answer_bytes=limits.max_answer_bytes)
            config = StackConfig(
                limits.timeout_seconds,
                limits.concurrency,
                breaker=BreakerConfig(spared_statuses=upstream.spared_statuses),
                pacing=PacingConfig(limits.rate_per_second),
            )
            self._stacks[key] = build_stack(wire, f"{upstream.name.name}:{url}", config, self.surroundings)
        return self._stacks[key]

    def logins(self, url: str, limits: UpstreamLimits, at_once: int) -> Transport:
        """Return policies of their own around an address, for logins, so that queries never wait for them.

        Args:
            url: The base URL.
            limits: Their timeout and bound on answers.
            at_once: How many run at the same time.
        """
        wire = Wire(self.connections, max_answer_bytes=limits.max_answer_bytes, keeps_connections=False)
        config = StackConfig(limits.timeout_seconds, at_once)
        return build_stack(wire, f"logins:{url}", config, self.surroundings).transport


class UpstreamComposition(ABC, Generic[Group]):
    """How the gateway is composed of one REST API; process lifetime.

    Attributes:
        name: The upstream; its settings are the group of this name in lower case.
        spared_statuses: Statuses of 500 and above that are no sign of an outage.
        query: A Strawberry type whose fields `Query` gets; None where it has them already.
        mutation: Likewise, of `Mutation`.
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
            identity: Names the account in keys and metrics; never a secret.
            group: Its credentials, and where the API is.
            transports: The policies around each address.
        """

    @abstractmethod
    async def probe(self, account: Account, group: Group, scope: CallScope) -> None:
        """Make one cheap call that needs the account's credentials, for `gateway check`.

        Raises:
            GatewayError: it failed.
        """
