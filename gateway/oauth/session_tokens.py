"""Where the logistics tokens of a session are kept: sealed, with the session."""

from contextlib import AbstractAsyncContextManager

from gateway.oauth.refresh_lock import refresh_lock
from gateway.oauth.session_registry import SessionRegistry
from gateway.oauth.sessions import Session
from resolvers.errors import Unauthenticated, UpstreamAuth
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.refreshing import LogisticsTokenPair
from resolvers.upstreams.names import UpstreamName


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
