"""Gives out bearer tokens for one refresh token, which the upstream may replace each time that it is used.

The documents say that a refresh answers a bearer token alone. Servers that answer a new refresh token as well
(RFC 6749, 6; RFC 9700, 4.14.2) take the old one no more, and may take its second use for theft: so the new one is kept
before anything else, and no two processes use one at the same time.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Protocol

import msgspec

from resolvers.errors import UpstreamAuth, UpstreamRefusal
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.tokens_client import LogisticsTokens
from resolvers.upstreams.transport.credentials import FetchToken, Token

logger = logging.getLogger(__name__)

BEARER_SECONDS: Final = 30 * 86_400.0
"""How long a bearer token lives, documented (Demo Oauth2)."""


class LogisticsTokenPair(msgspec.Struct, frozen=True):
    """What one account or session has of the logistics API; a value.

    Args:
        bearer_token: For calls; empty where there is none yet.
        refresh_token: For another bearer token.
        bearer_until: When the bearer token ends, in seconds since 1970.
    """

    bearer_token: str
    refresh_token: str
    bearer_until: float

    def __repr__(self) -> str:
        """The kind alone."""
        return "<LogisticsTokenPair>"


class TokenPlace(Protocol):
    """Where the tokens of one account or session are kept, for all processes that use them."""

    async def read(self) -> LogisticsTokenPair:
        """Return the tokens as they are kept now.

        Raises:
            UpstreamError: there are none, or nobody can tell.
        """
        ...

    async def write(self, tokens: LogisticsTokenPair) -> None:
        """Keep other tokens in their place."""
        ...

    def refreshing(self, scope: CallScope) -> AbstractAsyncContextManager[None]:
        """Let one refresh at a time run, over all processes.

        Raises:
            UpstreamError: the others were not done in time.
        """
        ...


class UnsharedTokens:
    """The place of one account's tokens in this process alone; lives as long as it.

    Args:
        tokens: Those of the settings.
    """

    def __init__(self, tokens: LogisticsTokenPair) -> None:
        self._tokens = tokens

    async def read(self) -> LogisticsTokenPair:
        """Return the tokens that were last kept."""
        return self._tokens

    async def write(self, tokens: LogisticsTokenPair) -> None:
        """Keep other tokens until the process ends."""
        if tokens.refresh_token != self._tokens.refresh_token:
            logger.warning(
                "LOGISTICS has replaced the account's refresh token, and the new one is lost when this process ends: "
                "set GATEWAY_SECRET_KEYS, so that it is kept next to the sessions."
            )
        self._tokens = tokens

    def refreshing(self, scope: CallScope) -> AbstractAsyncContextManager[None]:
        """Nobody else refreshes them: an account's credentials fetch one token at a time."""
        del scope
        return nullcontext()


def unshared_tokens(identity: str, configured: LogisticsTokenPair, upstream: LogisticsTokens) -> FetchToken:
    """Return what fetches an account's tokens for this process alone; see `RefreshedTokens`."""
    del identity
    return RefreshedTokens(UnsharedTokens(configured), upstream, time.time).fetch


class RefreshedTokens:
    """The bearer tokens of one account or session; lives as long as its credentials.

    Args:
        place: Where they are kept.
        upstream: Gives out new ones.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, place: TokenPlace, upstream: LogisticsTokens, now: Callable[[], float]) -> None:
        self._place = place
        self._upstream = upstream
        self._now = now
        self._given: str | None = None
        # What the place holds, and what should stand there instead.
        self._unkept: tuple[LogisticsTokenPair, LogisticsTokenPair] | None = None

    async def fetch(self, scope: CallScope) -> Token:
        """Return a token that was not given before: one that another process has kept, or else a new one.

        Raises:
            UpstreamError: the tokens are revoked or cannot be read, or the upstream gives no other.
        """
        tokens = await self._newest()
        if not self._is_another(tokens):
            async with self._place.refreshing(scope):
                tokens = await self._newest()
                if not self._is_another(tokens):
                    tokens = await self._refreshed(scope, tokens)
        self._given = tokens.bearer_token
        return Token(tokens.bearer_token, tokens.bearer_until - self._now())

    def _is_another(self, tokens: LogisticsTokenPair) -> bool:
        return tokens.bearer_token not in {"", self._given} and tokens.bearer_until > self._now()

    async def _newest(self) -> LogisticsTokenPair:
        """What is kept, unless it is what this process has replaced and could not keep."""
        kept = await self._place.read()
        if self._unkept is None:
            return kept
        replaced, new = self._unkept
        if kept != replaced:
            self._unkept = None
            return kept
        await self._keep(replaced, new)
        return new

    async def _refreshed(self, scope: CallScope, old: LogisticsTokenPair) -> LogisticsTokenPair:
        try:
            answered = await self._upstream.refresh(scope, old.refresh_token)
        except (UpstreamRefusal, UpstreamAuth):
            # A process whose lock ran out may have been first, and its answer is what counts.
            newest = await self._newest()
            if newest.refresh_token == old.refresh_token:
                raise
            return newest
        new = LogisticsTokenPair(
            answered.bearer_token, answered.refresh_token or old.refresh_token, self._now() + BEARER_SECONDS
        )
        await self._keep(old, new)
        return new

    async def _keep(self, old: LogisticsTokenPair, new: LogisticsTokenPair) -> None:
        """Keep new tokens; where that fails they are good all the same, and it is tried again later."""
        try:
            await self._place.write(new)
        except Exception:
            logger.exception(
                "New tokens of the logistics API could not be kept; they are lost if the process ends now."
            )
            self._unkept = old if self._unkept is None else self._unkept[0], new
        else:
            self._unkept = None
