"""The callers with a session: their own logistics account, and the check for revocation before each of its calls.

::

    LogisticsClient -> RevocationCheck -> Authorizing (bearer token) -> shared transport policies
                            |                 |
                            |                 `-- TokenRefresher -> SessionTokens -> SessionRegistry -> store
                            `-- SessionRegistry.check: a WebSocket may outlive the session that opened it
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from cachetools import LRUCache

from gateway.auth.callers import ANONYMOUS, Caller
from gateway.oauth.session_registry import SessionRegistry
from gateway.oauth.session_store import Session, refresh_lock
from resolvers.accounts import Account
from resolvers.errors import Unauthenticated, UpstreamAuth
from resolvers.upstreams.call import Answer, Call, CallScope, Transport
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.tokens import LogisticsTokenClient, LogisticsTokenPair, TokenRefresher
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.credentials import Authorizing, Identifying, TokenCredentials
from resolvers.upstreams.transport.stack import loop_clock


class SessionTokens:
    """The stored tokens of one session.

    Args:
        session: The session.
        registry: Holds the tokens.
    """

    def __init__(self, session: Session, registry: SessionRegistry) -> None:
        self._session = session
        self._registry = registry

    async def read(self) -> LogisticsTokenPair:
        """Return the stored tokens.

        Raises:
            UpstreamError: The session is revoked, or the store does not respond.
        """
        try:
            return await self._registry.tokens(self._session)
        except Unauthenticated as error:
            raise UpstreamAuth(UpstreamName.LOGISTICS, error.message) from None

    async def write(self, tokens: LogisticsTokenPair) -> None:
        """Store new tokens, unless the session was revoked in the meantime."""
        await self._registry.keep(self._session, tokens)

    def refreshing(self, scope: CallScope) -> AbstractAsyncContextManager[None]:
        """Hold the lock of the session's refresh, across processes."""
        return refresh_lock(scope, lambda seconds: self._registry.refreshing(self._session, seconds))


class RevocationCheck:
    """Transport that sends a session's calls only while the session is valid.

    Args:
        inner: The transport below.
        session: The session.
        registry: Checks for revocation.
    """

    def __init__(self, inner: Transport, session: Session, registry: SessionRegistry) -> None:
        self._inner = inner
        self._session = session
        self._registry = registry

    async def send(self, call: Call) -> Answer:
        """Send a call.

        Raises:
            UpstreamAuth: The session has ended.
        """
        try:
            await self._registry.check(self._session)
        except Unauthenticated as ended:
            raise UpstreamAuth(UpstreamName.LOGISTICS, ended.message) from None
        return await self._inner.send(call)


REMEMBERED_CLIENTS: Final = 1_000
"""Number of cached logistics clients; a dropped one is built again when its session is next used."""


class LogisticsSessionCallers:
    """Finds the callers of sessions; process lifetime.

    Args:
        registry: Holds the sessions.
        transport: The transport to the logistics API, with the policies that all accounts share.
        config: The API's address and the partner's keys.
        own: The gateway's own account; accounts of sessions differ from it in the credentials only.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        registry: SessionRegistry,
        transport: Transport,
        config: LogisticsConfig,
        own: Account,
        now: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._own = own
        self._transport = transport
        self._config = config
        self._now = now
        self._clients: LRUCache[str, LogisticsClient] = LRUCache(REMEMBERED_CLIENTS)

    async def find(self, token: str, base: Caller | None) -> Caller:
        """Return the caller of a session: the base's rights and other upstreams, or logistics only if there is no base.

        Raises:
            Unauthenticated: There is no such session, or it has ended.
        """
        session = await self._registry.find(token)
        identity, logistics = f"session:{session.session_id}", self._client(session)
        if base is None:
            # A logistics account is no credential for the gateway's own accounts at the other upstreams.
            return Caller(session.subject, self._own.logistics_only(identity, logistics), session.expires_at)
        joint = f"{base.account.identity} {identity}"
        account = base.account.with_logistics(joint, logistics, calls_as=identity)
        ends = [one for one in (base.expires_at, session.expires_at) if one is not None]
        # Limits count a caller with a key, or a person, as one caller over all its sessions.
        name = session.subject if base.name == ANONYMOUS else base.name
        return Caller(name, account, min(ends))

    def _client(self, session: Session) -> LogisticsClient:
        # Kept, because the client's tokens and their refreshes are shared by all requests of the session.
        client = self._clients.get(session.session_id)
        if client is None:
            client = self._clients[session.session_id] = self._new_client(session)
        return client

    def _new_client(self, session: Session) -> LogisticsClient:
        identity = f"session:{session.session_id}"
        asking = LogisticsTokenClient(Identifying(self._transport, identity), self._config)
        tokens = TokenRefresher(SessionTokens(session, self._registry), asking, self._now)
        credentials = TokenCredentials(UpstreamName.LOGISTICS, tokens.fetch, loop_clock)
        # The check is outermost, so that a revoked session does not even refresh its token.
        transport = RevocationCheck(Authorizing(self._transport, credentials, identity), session, self._registry)
        return LogisticsClient(transport, self._config)
