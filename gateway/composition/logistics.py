"""The logistics API as a part of the gateway."""

from collections.abc import Sequence
from typing import Final, Protocol

from gateway.composition.upstream import Transports, UpstreamComposition
from gateway.settings.upstreams import LogisticsSettings
from resolvers.accounts import Account
from resolvers.upstreams.call import CallScope, Transport
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.tokens import LogisticsTokenPair, LogisticsTokens, unshared_tokens
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.credentials import (
    Authorizing,
    Credentials,
    FetchToken,
    FixedCredentials,
    Identifying,
    TokenCredentials,
)

_NO_TASK: Final = "00000000-0000-0000-0000-000000000000"


class AccountTokens(Protocol):
    """Gives out the bearer tokens of accounts with a refresh token; process lifetime."""

    def of(self, identity: str, configured: LogisticsTokenPair, upstream: LogisticsTokens) -> FetchToken:
        """Return what fetches the tokens of an account.

        Args:
            identity: Names the account.
            configured: Its tokens as the settings name them.
            upstream: Gives out new ones.
        """
        ...

    async def close(self) -> None:
        """Close files and connections."""
        ...


class Logistics(UpstreamComposition[LogisticsSettings]):
    """Composes the logistics API: a fixed token, or one that is refreshed.

    Args:
        account_tokens: Keeps and refreshes the tokens of accounts; without, each process does so for itself.
    """

    name = UpstreamName.LOGISTICS

    def __init__(self, account_tokens: AccountTokens | None = None) -> None:
        self._fetch_of = account_tokens.of if account_tokens is not None else unshared_tokens

    def urls(self, group: LogisticsSettings) -> Sequence[str]:
        """Return the one base URL."""
        return [group.url]

    def client(self, identity: str, group: LogisticsSettings, transports: Transports) -> LogisticsClient:
        """Return a client with an account's credentials."""
        transport = transports.stack(self, group.url, group).transport
        config = logistics_config(group)
        credentials = self._credentials(identity, group, transport, transports)
        return LogisticsClient(Authorizing(transport, credentials, identity), config)

    async def probe(self, account: Account, group: LogisticsSettings, scope: CallScope) -> None:
        """Read the partner, list one task, or ask for a task that there is not: what the credentials allow."""
        if group.token is None and group.refresh_token is None:
            await account.logistics.partner(scope)
        elif group.platform:
            await account.logistics.tasks(scope, page=1, per_page=1, descending=False)
        else:
            # The partner's own operations have no list; that there is no such task is answer enough.
            await account.logistics.task(scope, _NO_TASK)

    def _credentials(
        self, identity: str, group: LogisticsSettings, transport: Transport, transports: Transports
    ) -> Credentials:
        first = group.token.get_secret_value() if group.token else ""
        if group.refresh_token is None:
            return FixedCredentials.bearer(first)
        configured = LogisticsTokenPair(first, group.refresh_token.get_secret_value(), float("inf"))
        tokens = LogisticsTokens(Identifying(transport, identity), logistics_config(group))
        fetch = self._fetch_of(identity, configured, tokens)
        return TokenCredentials(UpstreamName.LOGISTICS, fetch, transports.clock)


def logistics_config(group: LogisticsSettings) -> LogisticsConfig:
    """Return what the settings say about the logistics API."""
    return LogisticsConfig(
        base_url=group.url,
        platform=group.platform,
        paths=group.paths,
        client_key=group.client_key,
        secret_key=group.secret_key.get_secret_value() if group.secret_key else None,
    )
