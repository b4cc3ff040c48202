"""Gets the bearer token of a session: the kept one while it is good, else a new one, which is kept."""

import logging
from collections.abc import Callable
from typing import Final

from gateway.oauth.keeper import SessionKeeper
from gateway.oauth.sessions import LogisticsTokenPair, Session
from resolvers.errors import Unauthenticated, UpstreamAuth
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.tokens_client import LogisticsTokens
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.credentials import Token

logger = logging.getLogger(__name__)

BEARER_SECONDS: Final = 30 * 86_400.0
"""How long a bearer token lives, documented (Demo Oauth2)."""


class SessionTokens:
    """The bearer tokens of one session; lives as long as its account is remembered.

    Args:
        session: Whose tokens.
        keeper: Keeps them.
        upstream: Gives out new ones.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self, session: Session, keeper: SessionKeeper, upstream: LogisticsTokens, now: Callable[[], float]
    ) -> None:
        self._session = session
        self._keeper = keeper
        self._upstream = upstream
        self._now = now
        self._given: str | None = None

    async def fetch(self, scope: CallScope) -> Token:
        """A token that was not given before: another process may have kept a newer one, else the upstream is asked.

        Raises:
            UpstreamError: the session is revoked, or the upstream gives no other token.
        """
        tokens = await self._kept()
        remaining = tokens.bearer_until - self._now()
        if tokens.bearer_token == self._given or remaining <= 0:
            tokens, remaining = await self._refreshed(scope, tokens), BEARER_SECONDS
        self._given = tokens.bearer_token
        return Token(tokens.bearer_token, remaining)

    async def _kept(self) -> LogisticsTokenPair:
        try:
            return await self._keeper.tokens(self._session)
        except Unauthenticated as error:
            raise UpstreamAuth(UpstreamName.LOGISTICS, error.message) from None

    async def _refreshed(self, scope: CallScope, old: LogisticsTokenPair) -> LogisticsTokenPair:
        bearer_token = await self._upstream.refresh(scope, old.refresh_token)
        new = LogisticsTokenPair(bearer_token, old.refresh_token, self._now() + BEARER_SECONDS)
        try:
            await self._keeper.keep(self._session, new)
        except Exception:
            # The token is good all the same; it is asked for again after a restart.
            logger.exception("The new token of session %s could not be kept.", self._session.session_id)
        return new
