"""The three REST APIs as parts of the gateway."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from gateway.composition.upstream import Transports, UpstreamComposition
from gateway.settings.model import DeliveriesSettings, LogisticsSettings, SmsSettings
from resolvers.accounts import Account
from resolvers.upstreams.call import CallScope, Transport
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.deliveries.login import DeliveriesLogin, DeliveriesLoginConfig
from resolvers.upstreams.deliveries.requests import DeliveryFilters
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.tokens import LogisticsTokenClient, LogisticsTokenPair, in_memory_tokens
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.sms.requests import JobIdQuery
from resolvers.upstreams.transport.credentials import (
    Authorizing,
    Credentials,
    FetchToken,
    FixedCredentials,
    Identifying,
    TokenCredentials,
)


class Deliveries(UpstreamComposition[DeliveriesSettings]):
    """Composes the send-tasks API: a fixed token, or a login with email and password."""

    name = UpstreamName.DELIVERIES

    def urls(self, group: DeliveriesSettings) -> Sequence[str]:
        """Return the one base URL."""
        return [group.url]

    def client(self, identity: str, group: DeliveriesSettings, transports: Transports) -> DeliveriesClient:
        """Return a client with an account's credentials."""
        transport = transports.stack(self, group.url, group).transport
        credentials = _credentials(group, Identifying(transport, identity), transports.clock)
        return DeliveriesClient(Authorizing(transport, credentials, identity), DeliveriesConfig(group.url))

    async def probe(self, account: Account, group: DeliveriesSettings, scope: CallScope) -> None:
        """List one delivery."""
        del group
        await account.deliveries.deliveries(scope, DeliveryFilters(), page_number=1, page_size=1)


def _credentials(group: DeliveriesSettings, transport: Transport, clock: Callable[[], float]) -> Credentials:
    if group.email and group.password:
        config = DeliveriesLoginConfig(group.login_url, group.email, group.password.get_secret_value())
        first = group.token.get_secret_value() if group.token else None
        return TokenCredentials(UpstreamName.DELIVERIES, DeliveriesLogin(transport, config).fetch, clock, first=first)
    return FixedCredentials.bearer(group.token.get_secret_value() if group.token else "")


class Sms(UpstreamComposition[SmsSettings]):
    """Composes the SMS API: HTTP Basic, reads from each data centre, jobs posted to one."""

    name = UpstreamName.SMS
    # The document lists 500 alone for a job that a data centre does not know.
    spared_statuses = frozenset({500})

    def urls(self, group: SmsSettings) -> Sequence[str]:
        """Return the base URLs of the data centres, and the one that jobs are posted to."""
        return [*group.urls, group.posting_url]

    def client(self, identity: str, group: SmsSettings, transports: Transports) -> SmsClient:
        """Return a client with an account's credentials."""
        credentials = FixedCredentials.basic(group.username, group.password.get_secret_value())

        def authorized(url: str) -> Transport:
            return Authorizing(transports.stack(self, url, group).transport, credentials, identity)

        config = SmsConfig(tuple(group.urls), group.posting_url, hedge=group.hedge)
        return SmsClient([authorized(url) for url in group.urls], authorized(group.posting_url), config)

    async def probe(self, account: Account, group: SmsSettings, scope: CallScope) -> None:
        """List one job of the last day."""
        # Not the version, which the API may give without a login; no document says.
        del group
        now = datetime.now(UTC)
        await account.sms.job_ids(scope, 0, JobIdQuery(now - timedelta(days=1), now, limit=1))


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
