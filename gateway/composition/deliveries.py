"""The send-tasks API as a part of the gateway."""

from collections.abc import Callable, Sequence

from gateway.composition.upstream import Transports, UpstreamComposition
from gateway.settings.model import DeliveriesSettings
from resolvers.accounts import Account
from resolvers.upstreams.call import CallScope, Transport
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.deliveries.login import DeliveriesLogin, DeliveriesLoginConfig
from resolvers.upstreams.deliveries.requests import DeliveryFilters
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.credentials import (
    Authorizing,
    Credentials,
    FixedCredentials,
    Identifying,
    TokenCredentials,
)


class Deliveries(UpstreamComposition[DeliveriesSettings]):
    """Composes the send-tasks API: a fixed token, a login with email and password, or both: the token comes first."""

    name = UpstreamName.DELIVERIES

    def urls(self, group: DeliveriesSettings) -> Sequence[str]:
        """Return the one base URL."""
        return [group.url]

    def client(self, identity: str, group: DeliveriesSettings, transports: Transports) -> DeliveriesClient:
        """Return a client with an account's credentials."""
        transport = transports.stack(self, group.url, group).transport
        credentials = _credentials(group, Identifying(transport, identity), transports.clock)
        config = DeliveriesConfig(group.url, newest_first=group.list_order == "newest_first")
        return DeliveriesClient(Authorizing(transport, credentials, identity), config)

    async def probe(self, account: Account, group: DeliveriesSettings, scope: CallScope) -> None:
        """List one delivery."""
        del group
        await account.deliveries.deliveries(scope, DeliveryFilters(), page_number=1, page_size=1)


def _credentials(group: DeliveriesSettings, transport: Transport, clock: Callable[[], float]) -> Credentials:
    if group.email and group.password:
        config = DeliveriesLoginConfig(group.login_url, group.email, group.password.get_secret_value())
        # Nothing says when it ends: once it is refused, the login gets another.
        first = group.token.get_secret_value() if group.token else None
        return TokenCredentials(UpstreamName.DELIVERIES, DeliveriesLogin(transport, config).fetch, clock, first=first)
    return FixedCredentials.bearer(group.token.get_secret_value() if group.token else "")
