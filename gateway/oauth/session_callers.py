"""Callers with a session: their own logistics account, the tokens sealed in it, and what ends with it.

A WebSocket that a session opened may still be there when the session is revoked, so that each call checks it.
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
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.connection import LogisticsConfig
from resolvers.upstreams.logistics.refreshing import LogisticsTokenPair, RefreshedTokens
from resolvers.upstreams.logistics.tokens_client import LogisticsTokens
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.credentials import Authorizing, Identifying, TokenCredentials
from resolvers.upstreams.transport.stack import loop_clock


class SessionTokens:
    """The place of one session's tokens; lives as long as its account is remembered.

    Args:
        session: Whose tokens.
        registry: Keeps them.
    """

    def __init__(self, session: Session, registry: SessionRegistry) -> None:
        self._session = session
        self._registry = registry

    async def read(self) -> LogisticsTokenPair:
        """Return the tokens as the store has them.

        Raises:
            UpstreamError: the session is revoked, or the store does not answer.
        """
        try:
            return await self._registry.tokens(self._session)
        except Unauthenticated as error:
            raise UpstreamAuth(UpstreamName.LOGISTICS, error.message) from None

    async def write(self, tokens: LogisticsTokenPair) -> None:
        """Keep other tokens, unless the session was revoked meanwhile."""
        await self._registry.keep(self._session, tokens)

    def refreshing(self, scope: CallScope) -> AbstractAsyncContextManager[None]:
        """Let one refresh at a time run, over all processes."""
        return refresh_lock(scope, lambda seconds: self._registry.refreshing(self._session, seconds))


class RevocationCheck:
    """Sends the calls of a session that has not been revoked; lives as long as the session's client.

    Args:
        inner: Sends them.
        session: Whose calls.
        registry: Knows whether it has been revoked.
    """

    def __init__(self, inner: Transport, session: Session, registry: SessionRegistry) -> None:
        self._inner = inner
        self._session = session
        self._registry = registry

    async def send(self, call: Call) -> Answer:
        """Send a call.

        Raises:
            UpstreamAuth: the session has ended.
        """
        try:
            await self._registry.check(self._session)
        except Unauthenticated as ended:
            raise UpstreamAuth(UpstreamName.LOGISTICS, ended.message) from None
        return await self._inner.send(call)


REMEMBERED_CLIENTS: Final = 1_000
"""Logistics clients of sessions that are kept ready; any other is built again when its session is next used."""


class LogisticsSessionCallers:
    """Finds the callers of sessions; process lifetime.

    Args:
        registry: Knows the sessions.
        transport: The logistics API's policies, shared by all accounts.
        config: Where it is, and the partner's keys.
        own: The gateway's own account, from which those of sessions take all but the credentials.
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
        """The caller of a session: with the base's rights and other upstreams, or with logistics alone.

        A logistics account opens no other upstream: where nobody gets in without credentials, it is no credential
        for the gateway's own accounts.

        Raises:
            Unauthenticated: there is no such session, or it has ended.
        """
        session = await self._registry.find(token)
        identity, logistics = f"session:{session.session_id}", self._client(session)
        if base is None:
            return Caller(session.subject, self._own.logistics_alone(identity, logistics), session.expires_at)
        joint = f"{base.account.identity} {identity}"
        account = base.account.with_logistics(joint, logistics, calls_as=identity)
        ends = [one for one in (base.expires_at, session.expires_at) if one is not None]
        # A caller with a key, and a person, stays one caller to the limits, however many sessions it opens.
        name = session.subject if base.name == ANONYMOUS else base.name
        return Caller(name, account, min(ends))

    def _client(self, session: Session) -> LogisticsClient:
        client = self._clients.get(session.session_id)
        if client is None:
            client = self._clients[session.session_id] = self._new_client(session)
        return client

    def _new_client(self, session: Session) -> LogisticsClient:
        identity = f"session:{session.session_id}"
        asking = LogisticsTokens(Identifying(self._transport, identity), self._config)
        tokens = RefreshedTokens(SessionTokens(session, self._registry), asking, self._now)
        credentials = TokenCredentials(UpstreamName.LOGISTICS, tokens.fetch, loop_clock)
        transport = RevocationCheck(Authorizing(self._transport, credentials, identity), session, self._registry)
        return LogisticsClient(transport, self._config)
