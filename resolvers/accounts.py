"""An account: one set of upstream credentials, the clients that use it, and the scopes that limit a caller's view."""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cache
from typing import NamedTuple, TypeVar

from resolvers.cache.records import RecordCache, pass_through
from resolvers.errors import Forbidden, UpstreamUnconfigured
from resolvers.events.interface import StatusChanges
from resolvers.learned import CommaLists, Learned
from resolvers.sms.data_centres import SmsHedging, SmsPlaces
from resolvers.upstreams.deliveries.client import DeliveriesClient
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient
from resolvers.upstreams.transport.health import UpstreamHealth

VERBS = ("read", "write")


class Scope(NamedTuple):
    """The right to read from one upstream, or to write to it.

    Args:
        upstream: The upstream.
        verb: One of `VERBS`.
    """

    upstream: UpstreamName
    verb: str

    def __str__(self) -> str:
        """Return the scope as tokens and settings spell it, such as `deliveries:read`."""
        return f"{self.upstream.name.lower()}:{self.verb}"


@cache
def read_scope(upstream: UpstreamName) -> Scope:
    """Return the scope for reading from an upstream."""
    return Scope(upstream, "read")


@cache
def write_scope(upstream: UpstreamName) -> Scope:
    """Return the scope for changing anything at an upstream."""
    return Scope(upstream, "write")


def scopes_of(upstream: UpstreamName) -> frozenset[Scope]:
    """Return all scopes of one upstream."""
    return frozenset({read_scope(upstream), write_scope(upstream)})


def all_scopes() -> frozenset[Scope]:
    """Return the scopes of all registered upstreams."""
    return frozenset(Scope(upstream, verb) for upstream in UpstreamName.known() for verb in VERBS)


def scopes_named() -> dict[str, Scope]:
    """Return all scopes by their spelling in tokens and settings."""
    return {str(scope): scope for scope in all_scopes()}


def require(scopes: frozenset[Scope], scope: Scope) -> None:
    """Raise unless a caller has a scope.

    Args:
        scopes: The caller's scopes.
        scope: The required scope.

    Raises:
        Forbidden: The caller lacks it.
    """
    if scope not in scopes:
        raise Forbidden(
            f"This needs the scope {scope}, which the caller does not have; ask the gateway's operator for it."
        )


Client = TypeVar("Client")


class Account:
    """One set of upstream credentials and the clients that use it; process lifetime.

    A caller with fewer scopes gets a view of it, which shares everything else; see `limited_to`.

    Args:
        identity: The name of the credentials, the first part of every cache key; never a secret.
        clients: The clients, by the upstreams that there are credentials for.
        health: The health of each upstream's addresses.
        records: The process's record cache; by default one that passes every read through.
        comma_lists: Remembers whether the send-tasks API accepts lists of ids; for tests with a clock of their own.

    Attributes:
        events: The process's status changes, set at composition; None where nothing can be followed.
    """

    def __init__(
        self,
        identity: str,
        clients: Mapping[UpstreamName, object] | None = None,
        *,
        health: Mapping[UpstreamName, Sequence[UpstreamHealth]] | None = None,
        records: RecordCache | None = None,
        comma_lists: CommaLists | None = None,
    ) -> None:
        self.identity = identity
        self._credentials = identity
        self._calls_as: dict[UpstreamName, str] = {}
        self.records = records or pass_through()
        self.events: StatusChanges | None = None
        self._clients = dict(clients or {})
        self.health = health or {}
        # Shared by all views, because it measures the data centres and not a caller.
        sms = self._clients.get(UpstreamName.SMS)
        self.sms_hedging = SmsHedging(enabled=isinstance(sms, SmsClient) and sms.hedges)
        self._learned = Learned(comma_lists=comma_lists or CommaLists())
        self._scopes = all_scopes()
        self._limits = ""

    @property
    def sms_places(self) -> SmsPlaces:
        """The data centres where SMS jobs were found."""
        return self._learned.sms_places

    @property
    def comma_lists(self) -> CommaLists:
        """Whether the send-tasks API accepts lists of ids."""
        return self._learned.comma_lists

    @property
    def page_caps(self) -> dict[UpstreamName, int]:
        """The largest page of each upstream that has shown it."""
        return self._learned.page_caps

    @property
    def scopes(self) -> frozenset[Scope]:
        """The scopes of this view of the account."""
        return self._scopes

    @property
    def answer_identity(self) -> str:
        """The identity for whole responses, which depend on the scopes too; records are keyed by `identity` only."""
        return self.identity + self._limits

    def limited_to(self, scopes: frozenset[Scope]) -> "Account":
        """Return a view of the account that is limited to some scopes."""
        # A shallow copy: clients, caches and what was learned are shared with the account.
        view = copy(self)
        view._scopes = self._scopes & scopes  # noqa: SLF001 - a copy of ours
        # The usual account keeps its short identity, so that callers with all scopes share its cached responses.
        if view._scopes != all_scopes():  # noqa: SLF001 - a copy of ours
            view._limits = f" {' '.join(sorted(map(str, view._scopes)))}"  # noqa: SLF001 - a copy of ours
        return view

    def calls_as(self, upstream: UpstreamName) -> str:
        """Return the name of the credentials for an upstream, by which its rate limits and health are kept."""
        return self._calls_as.get(upstream, self._credentials)

    def with_logistics(self, identity: str, logistics: LogisticsClient, *, calls_as: str) -> "Account":
        """Return a view of the account with a caller's own credentials for the logistics API.

        Args:
            identity: The name of both sets of credentials together.
            logistics: The client with the caller's credentials.
            calls_as: The name of the caller's credentials.
        """
        # The identity covers both sets of credentials, because responses may mix records of both.
        view = copy(self)
        view.identity = identity
        view._calls_as = {**self._calls_as, UpstreamName.LOGISTICS: calls_as}  # noqa: SLF001 - a copy of ours
        view._clients = {**self._clients, UpstreamName.LOGISTICS: logistics}  # noqa: SLF001 - a copy of ours
        return view

    def logistics_only(self, identity: str, logistics: LogisticsClient) -> "Account":
        """Return a view with a caller's own credentials for the logistics API, and with no other upstream.

        Args:
            identity: The name of the credentials.
            logistics: The client with these credentials.
        """
        view = self.with_logistics(identity, logistics, calls_as=identity).limited_to(scopes_of(UpstreamName.LOGISTICS))
        # The scopes alone would leave the other clients usable to code that forgets to require one.
        view._clients = {UpstreamName.LOGISTICS: logistics}  # noqa: SLF001 - a copy of ours
        return view

    def require_read(self, upstream: UpstreamName) -> None:
        """Raise unless the caller may read from an upstream.

        Raises:
            Forbidden: The caller lacks the scope.
        """
        require(self._scopes, read_scope(upstream))

    def require_write(self, upstream: UpstreamName) -> None:
        """Raise unless the caller may change records at an upstream.

        Raises:
            Forbidden: The caller lacks the scope.
        """
        require(self._scopes, write_scope(upstream))

    def has(self, upstream: UpstreamName) -> bool:
        """Return whether there are credentials for an upstream."""
        return upstream in self._clients

    def client(self, upstream: UpstreamName, of: type[Client]) -> Client:
        """Return the client of an upstream.

        Args:
            upstream: The upstream.
            of: The class of its clients.

        Raises:
            UpstreamUnconfigured: The settings have no credentials for it.
        """
        client = self._clients.get(upstream)
        # By class, so that callers get the type that they name without a cast.
        if not isinstance(client, of):
            raise _unconfigured(upstream)
        return client

    @property
    def deliveries(self) -> DeliveriesClient:
        """The client of the send-tasks API; raises as `client` does."""
        return self.client(UpstreamName.DELIVERIES, DeliveriesClient)

    @property
    def sms(self) -> SmsClient:
        """The client of the SMS API; raises as `client` does."""
        return self.client(UpstreamName.SMS, SmsClient)

    @property
    def logistics(self) -> LogisticsClient:
        """The client of the logistics API; raises as `client` does."""
        return self.client(UpstreamName.LOGISTICS, LogisticsClient)


def _unconfigured(upstream: UpstreamName) -> UpstreamUnconfigured:
    return UpstreamUnconfigured(
        upstream, f"This gateway has no {upstream.name} upstream; its operator sets GATEWAY_{upstream.name}__... ."
    )
