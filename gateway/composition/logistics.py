"""The logistics API as a part of the gateway."""

from collections.abc import Sequence
from typing import Final, Protocol

from gateway.composition.upstream import Transports, UpstreamComposition
from gateway.settings.model import LogisticsSettings
from resolvers.accounts import Account
from resolvers.upstreams.call import CallScope, Transport
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.tokens import LogisticsTokenClient, LogisticsTokenPair, in_memory_tokens
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.credentials import (
    Authorizing,
    Credentials,
    FetchToken,
    FixedCredentials,
    Identifying,
    TokenCredentials,
)

# The nil UUID, which no record gets (RFC 9562, 5.9).
_NO_TASK: Final = "00000000-0000-0000-0000-000000000000"


class AccountTokens(Protocol):
    """Fetches the bearer tokens of accounts with a refresh token; process lifetime."""

    def of(self, identity: str, configured: LogisticsTokenPair, upstream: LogisticsTokenClient) -> FetchToken:
        """Return the function that fetches an account's tokens.

        Args:
            identity: The account's identity.
            configured: The token pair in the settings.
            upstream: The logistics API, which issues new tokens.
        """
        ...

    async def close(self) -> None:
        """Close files and connections."""
        ...


class Logistics(UpstreamComposition[LogisticsSettings]):
    """Composes the logistics API: a fixed token, or one that is refreshed.

    Args:
        account_tokens: Keeps and refreshes the tokens of accounts; None lets each process do so for itself.
    """

    name = UpstreamName.LOGISTICS

    def __init__(self, account_tokens: AccountTokens | None = None) -> None:
        self._fetch_of = account_tokens.of if account_tokens is not None else in_memory_tokens

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
        """Read the partner, list one task, or read a task that does not exist, as the credentials allow."""
        if group.token is None and group.refresh_token is None:
            # The keys without a token read the partner and nothing else (document: Partner Detail).
            await account.logistics.partner(scope)
        elif group.platform:
            await account.logistics.tasks(scope, page=1, per_page=1, descending=False)
        else:
            # The partner's own operations have no list, and a 404 shows as well that the credentials are accepted.
            await account.logistics.task(scope, _NO_TASK)

    def _credentials(
        self, identity: str, group: LogisticsSettings, transport: Transport, transports: Transports
    ) -> Credentials:
        first = group.token.get_secret_value() if group.token else ""
        if group.refresh_token is None:
            return FixedCredentials.bearer(first)
        # Nothing says when the configured token expires, so the first refresh comes with a 401.
        configured = LogisticsTokenPair(first, group.refresh_token.get_secret_value(), float("inf"))
        tokens = LogisticsTokenClient(Identifying(transport, identity), logistics_config(group))
        fetch = self._fetch_of(identity, configured, tokens)
        return TokenCredentials(UpstreamName.LOGISTICS, fetch, transports.clock)


def logistics_config(group: LogisticsSettings) -> LogisticsConfig:
    """Return the client's part of the settings of the logistics API."""
    return LogisticsConfig(
        base_url=group.url,
        platform=group.platform,
        paths=group.paths,
        client_key=group.client_key,
        secret_key=group.secret_key.get_secret_value() if group.secret_key else None,
    )
