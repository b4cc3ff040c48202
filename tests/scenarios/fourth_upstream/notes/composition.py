"""Step 6: its settings, and how the gateway is composed of it."""

from collections.abc import Sequence

from gateway.composition.upstream import Transports, UpstreamComposition
from gateway.settings.model import Settings, UpstreamLimits
from gateway.settings.values import AbsoluteUrl, Secret
from resolvers.accounts import Account
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.transport.credentials import Authorizing, FixedCredentials
from tests.scenarios.fourth_upstream.notes.client import NOTES, NotesClient
from tests.scenarios.fourth_upstream.notes.schema import NotesQuery


class NotesSettings(UpstreamLimits):
    """Where the API for notes is."""

    url: AbsoluteUrl
    token: Secret


class SettingsWithNotes(Settings):
    """The gateway's settings and those of the notes."""

    notes: NotesSettings | None = None


class Notes(UpstreamComposition[NotesSettings]):
    """Composes the API for notes."""

    name = NOTES
    query = NotesQuery

    def urls(self, group: NotesSettings) -> Sequence[str]:
        """Return the one base URL."""
        return [group.url]

    def client(self, identity: str, group: NotesSettings, transports: Transports) -> NotesClient:
        """Return a client with an account's credentials."""
        transport = transports.stack(self, group.url, group).transport
        credentials = FixedCredentials.bearer(group.token.get_secret_value())
        return NotesClient(Authorizing(transport, credentials, identity), group.url)

    async def probe(self, account: Account, group: NotesSettings, scope: CallScope) -> None:
        """Ask for one note."""
        del group
        await account.client(NOTES, NotesClient).note(scope, "1")
