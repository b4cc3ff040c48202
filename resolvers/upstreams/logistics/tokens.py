"""Tokens of the logistics API: the operations that issue them, and a bearer token that is refreshed in time.

Documents: Authentication; SSO Exchange Token; Demo Oauth2. They say that a refresh returns only a bearer token. Servers
that return a new refresh token as well (RFC 6749, 6; RFC 9700, 4.14.2) reject the old one from then on and may take its
reuse for theft. So the new pair is stored at once, and refreshes of one pair never run concurrently, in any process.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, Protocol

import msgspec

from resolvers.errors import UpstreamAuth, UpstreamRefusal
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Call, CallScope
from resolvers.upstreams.fields import NonEmpty
from resolvers.upstreams.logistics.base_client import LogisticsBaseClient
from resolvers.upstreams.transport.credentials import FetchToken, Token


class TokenPair(msgspec.Struct, frozen=True):
    """What a consent code is worth (document: Exchange Token)."""

    bearer_token: NonEmpty
    refresh_token: NonEmpty

    def __repr__(self) -> str:
        """The kind alone."""
        return "<TokenPair>"


class Refreshed(msgspec.Struct, frozen=True):
    """What a refresh token is worth (document: Demo Oauth2).

    Args:
        bearer_token: For the Authorization header.
        refresh_token: The one to use from now on, where the upstream replaces it; the document knows no such thing.
    """

    bearer_token: NonEmpty
    refresh_token: NonEmpty | None = None

    def __repr__(self) -> str:
        """The kind alone."""
        return "<Refreshed>"


class SsoTokens(msgspec.Struct, frozen=True):
    """What a session id is worth (document: SSO Exchange Token).

    Args:
        bearer_token: For the Authorization header.
        refresh_token: For a new bearer token later.
        user: Who signed in, as it came: the vendor does not document its fields.
    """

    bearer_token: NonEmpty
    refresh_token: NonEmpty
    user: Any = None

    def __repr__(self) -> str:
        """The kind alone."""
        return "<SsoTokens>"


_TOKEN_PAIR: Final = msgspec.json.Decoder(TokenPair)
_SSO_TOKENS: Final = msgspec.json.Decoder(SsoTokens)
_REFRESHED: Final = msgspec.json.Decoder(Refreshed)


class LogisticsTokens(LogisticsBaseClient):
    """Gets tokens; account lifetime. Its transport must not be the one that adds the bearer token."""

    async def exchange_code(self, scope: CallScope, code: str) -> TokenPair:
        """The tokens for a code that the consent page gave out.

        Raises:
            UpstreamUnconfigured: the account's keys are not set.
            InputRefused: the code is wrong or used up.
        """
        keys = {"client_key": self._config.client_key, "secret_key": self._config.secret_key}
        self._require_keys(*keys.values())
        call = self._asking(scope, "exchange_token", self._paths.exchange_token, {**keys, "code": code})
        return decode(_TOKEN_PAIR, call, await self._done(call))

    async def refresh(self, scope: CallScope, refresh_token: str) -> Refreshed:
        """A new bearer token, and a new refresh token where the upstream takes the old one no more.

        Raises:
            UpstreamUnconfigured: the account's client key is not set.
        """
        self._require_keys(self._config.client_key)
        body = {"client_key": self._config.client_key, "refresh_token": refresh_token}
        call = self._asking(scope, "refresh_token", self._paths.refresh_token, body)
        return decode(_REFRESHED, call, await self._done(call))

    async def exchange_session(self, scope: CallScope, session_id: str) -> SsoTokens:
        """The tokens for a session id that single sign-on handed over."""
        path = self._paths.sso_exchange_token
        call = self._asking(scope, "sso_exchange_token", path, {"session_id": session_id})
        return decode(_SSO_TOKENS, call, await self._done(call))

    def _asking(self, scope: CallScope, operation: str, path: str, body: object) -> Call:
        call = self._writing(scope, operation, path, body)
        call.repeatable = True
        return call


logger = logging.getLogger(__name__)

BEARER_SECONDS: Final = 30 * 86_400.0
"""The documented lifetime of a bearer token (Demo Oauth2)."""


class LogisticsTokenPair(msgspec.Struct, frozen=True):
    """The logistics tokens of one account or session.

    Args:
        bearer_token: Authorizes calls; empty if there is none yet.
        refresh_token: Exchanged for another bearer token.
        bearer_until: When the bearer token expires, in seconds since 1970.
    """

    bearer_token: str
    refresh_token: str
    bearer_until: float

    def __repr__(self) -> str:
        """Hide the tokens."""
        return "<LogisticsTokenPair>"


class TokenStore(Protocol):
    """Stores the tokens of one account or session for all processes that use them."""

    async def read(self) -> LogisticsTokenPair:
        """Return the stored tokens.

        Raises:
            UpstreamError: There are none, or the store cannot be reached.
        """
        ...

    async def write(self, tokens: LogisticsTokenPair) -> None:
        """Replace the stored tokens."""
        ...

    def refreshing(self, scope: CallScope) -> AbstractAsyncContextManager[None]:
        """Hold the lock of the refresh, across processes.

        Raises:
            UpstreamError: The lock was not free in time.
        """
        ...


class LocalTokens:
    """Stores one account's tokens in the memory of this process; process lifetime.

    Args:
        tokens: The tokens in the settings.
    """

    def __init__(self, tokens: LogisticsTokenPair) -> None:
        self._tokens = tokens

    async def read(self) -> LogisticsTokenPair:
        """Return the stored tokens."""
        return self._tokens

    async def write(self, tokens: LogisticsTokenPair) -> None:
        """Replace the stored tokens until the process ends."""
        if tokens.refresh_token != self._tokens.refresh_token:
            logger.warning(
                "LOGISTICS has replaced the account's refresh token, and the new one is lost when this process ends: "
                "set GATEWAY_SECRET_KEYS, so that it is kept next to the sessions."
            )
        self._tokens = tokens

    def refreshing(self, scope: CallScope) -> AbstractAsyncContextManager[None]:
        """Hold no lock: an account's credentials fetch one token at a time."""
        del scope
        return nullcontext()


def unshared_tokens(identity: str, configured: LogisticsTokenPair, upstream: LogisticsTokens) -> FetchToken:
    """Return the function that fetches an account's tokens, stored in this process only; see `RefreshedTokens`."""
    del identity
    return RefreshedTokens(LocalTokens(configured), upstream, time.time).fetch


class RefreshedTokens:
    """Fetches the bearer tokens of one account or session; lifetime of its credentials.

    Args:
        store: Stores the tokens.
        upstream: Issues new tokens.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, store: TokenStore, upstream: LogisticsTokens, now: Callable[[], float]) -> None:
        self._store = store
        self._upstream = upstream
        self._now = now
        self._given: str | None = None
        # The stored pair and its replacement, after the replacement could not be stored.
        self._unkept: tuple[LogisticsTokenPair, LogisticsTokenPair] | None = None

    async def fetch(self, scope: CallScope) -> Token:
        """Return a token that was not returned before: one stored by another process, or else a new one.

        Raises:
            UpstreamError: The tokens are revoked or cannot be read, or the upstream issues no new one.
        """
        tokens = await self._newest()
        if not self._is_another(tokens):
            async with self._store.refreshing(scope):
                tokens = await self._newest()
                if not self._is_another(tokens):
                    tokens = await self._refreshed(scope, tokens)
        self._given = tokens.bearer_token
        return Token(tokens.bearer_token, tokens.bearer_until - self._now())

    def _is_another(self, tokens: LogisticsTokenPair) -> bool:
        return tokens.bearer_token not in {"", self._given} and tokens.bearer_until > self._now()

    async def _newest(self) -> LogisticsTokenPair:
        """The stored pair, or the newer one that this process could not store yet."""
        kept = await self._store.read()
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
            # Another process, whose lock had expired, may have refreshed first; then its result counts.
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
            await self._store.write(new)
        except Exception:
            logger.exception(
                "New tokens of the logistics API could not be kept; they are lost if the process ends now."
            )
            self._unkept = old if self._unkept is None else self._unkept[0], new
        else:
            self._unkept = None
