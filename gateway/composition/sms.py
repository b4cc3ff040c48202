"""The SMS API as a part of the gateway."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gateway.composition.upstream import Transports, UpstreamComposition
from gateway.settings.model import SmsSettings
from resolvers.accounts import Account
from resolvers.upstreams.call import CallScope, Transport
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.sms.requests import JobIdQuery
from resolvers.upstreams.transport.credentials import Authorizing, FixedCredentials


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
