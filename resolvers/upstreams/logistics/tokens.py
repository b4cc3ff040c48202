"""Tokens of the logistics API: the operations that issue them, and a bearer token that is refreshed when needed.

Documents: Authentication; SSO Exchange Token; Demo Oauth2.

Theory of operation. The documents say that a refresh returns only a bearer token. Servers that return a new refresh
token as well (RFC 6749, 6; RFC 9700, 4.14.2) reject the old one from then on and may take its reuse for theft. So the
new pair is stored at once, and refreshes of one pair never run concurrently, in any process:

    read the stored pair ----------------> its bearer token was not returned before: return it
          |
    take the lock, read the pair again --> another process has refreshed: return its bearer token
          |
    refresh, sent once ------------------> refused, and the stored pair has changed since: return that one
          |
    store the new pair, release the lock, return the bearer token

A pair that cannot be stored is used all the same, and every fetch tries again to store it.

A code of the consent page is used up likewise (RFC 6749, 4.1.2), and a session id may be. So none of the three calls is
sent again where its answer was lost.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, Protocol, TypeVar

import msgspec

from resolvers.errors import UpstreamAuth, UpstreamError, UpstreamRefusal
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Call, CallScope
from resolvers.upstreams.fields import NonEmpty
from resolvers.upstreams.logistics.base_client import LogisticsBaseClient
from resolvers.upstreams.transport.credentials import FetchToken, Token

logger = logging.getLogger(__name__)

Issued = TypeVar("Issued")

BEARER_SECONDS: Final = 30 * 86_400.0
"""The documented lifetime of a bearer token (Demo Oauth2)."""


class ExchangeAnswer(msgspec.Struct, frozen=True):
    """The answer to a consent code (document: Exchange Token)."""

    bearer_token: NonEmpty
    refresh_token: NonEmpty

    def __repr__(self) -> str:
        """Hide the tokens."""
        return "<ExchangeAnswer>"


class RefreshAnswer(msgspec.Struct, frozen=True):
    """The answer to a refresh token (document: Demo Oauth2).

    Args:
        bearer_token: For the Authorization header.
        refresh_token: The new refresh token, if the upstream replaces it; no document mentions that.
    """

    bearer_token: NonEmpty
    refresh_token: NonEmpty | None = None

    def __repr__(self) -> str:
        """Hide the tokens."""
        return "<RefreshAnswer>"


class SsoAnswer(msgspec.Struct, frozen=True):
    """The answer to a session id of single sign-on (document: SSO Exchange Token).

    Args:
        bearer_token: For the Authorization header.
        refresh_token: For the next bearer token.
        user: The person who signed in; the vendor does not document its fields.
    """

    bearer_token: NonEmpty
    refresh_token: NonEmpty
    user: Any = None

    def __repr__(self) -> str:
        """Hide the tokens."""
        return "<SsoAnswer>"


_EXCHANGE_ANSWER: Final = msgspec.json.Decoder(ExchangeAnswer)
_SSO_ANSWER: Final = msgspec.json.Decoder(SsoAnswer)
_REFRESH_ANSWER: Final = msgspec.json.Decoder(RefreshAnswer)


class LogisticsTokenClient(LogisticsBaseClient):
    """Makes the operations that issue tokens. Lifetime: account.

    They need no bearer token, so the transport must not be the one that adds it.
    """

    async def exchange_code(self, scope: CallScope, code: str) -> ExchangeAnswer:
        """Return the tokens for a code of the consent page.

        Raises:
            UpstreamUnconfigured: the account's keys are not set.
            InputRefused: the code is wrong or used up.
        """
        keys = {"client_key": self._config.client_key, "secret_key": self._config.secret_key}
        self._require_keys(*keys.values())
        call = self._write_call(scope, "exchange_token", self._paths.exchange_token, {**keys, "code": code})
        return await self._issued(_EXCHANGE_ANSWER, call)

    async def refresh(self, scope: CallScope, refresh_token: str) -> RefreshAnswer:
        """Return a new bearer token, and a new refresh token if the upstream replaces it.

        Raises:
            UpstreamUnconfigured: the account's client key is not set.
        """
        # The client key alone: a refresh takes no secret, unlike the exchange of a code (document: Refresh Token).
        self._require_keys(self._config.client_key)
        body = {"client_key": self._config.client_key, "refresh_token": refresh_token}
        return await self._issued(
            _REFRESH_ANSWER, self._write_call(scope, "refresh_token", self._paths.refresh_token, body)
        )

    async def exchange_session(self, scope: CallScope, session_id: str) -> SsoAnswer:
        """Return the tokens for a session id of single sign-on."""
        path = self._paths.sso_exchange_token
        call = self._write_call(scope, "sso_exchange_token", path, {"session_id": session_id})
        return await self._issued(_SSO_ANSWER, call)

    async def _issued(self, decoder: msgspec.json.Decoder[Issued], call: Call) -> Issued:
        try:
            return decode(decoder, call, await self._send(call))
        except UpstreamError as error:
            # Unknown of the token alone: a change that needs it has not been sent.
            error.outcome_unknown = False
            raise


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


class MemoryTokenStore:
    """Stores one account's tokens in the memory of this process. Lifetime: process.

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
        """Return a context without a lock."""
        # An account's credentials fetch one token at a time, and no other process uses what is stored here.
        del scope
        return nullcontext()


def in_memory_tokens(identity: str, configured: LogisticsTokenPair, upstream: LogisticsTokenClient) -> FetchToken:
    """Return the function that fetches an account's tokens, stored in this process only; see `TokenRefresher`."""
    del identity
    return TokenRefresher(MemoryTokenStore(configured), upstream, time.time).fetch


class TokenRefresher:
    """Fetches the bearer tokens of one account or session. Lifetime: that of its credentials.

    Args:
        store: Stores the tokens.
        upstream: Issues new tokens.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, store: TokenStore, upstream: LogisticsTokenClient, now: Callable[[], float]) -> None:
        self._store = store
        self._upstream = upstream
        self._now = now
        # The token that was returned last: another fetch means that it was refused or has expired.
        self._returned: str | None = None
        # The stored pair and its replacement, after the replacement could not be stored.
        self._unstored: tuple[LogisticsTokenPair, LogisticsTokenPair] | None = None

    async def fetch(self, scope: CallScope) -> Token:
        """Return a token that was not returned before: one stored by another process, or else a new one.

        Raises:
            UpstreamError: The tokens are revoked or cannot be read, or the upstream issues no new one.
        """
        tokens = await self._newest()
        if not self._is_another(tokens):
            async with self._store.refreshing(scope):
                # Read again, because another process may have refreshed while this one waited for the lock.
                tokens = await self._newest()
                if not self._is_another(tokens):
                    tokens = await self._refreshed(scope, tokens)
        self._returned = tokens.bearer_token
        return Token(tokens.bearer_token, tokens.bearer_until - self._now())

    def _is_another(self, tokens: LogisticsTokenPair) -> bool:
        return tokens.bearer_token not in {"", self._returned} and tokens.bearer_until > self._now()

    async def _newest(self) -> LogisticsTokenPair:
        """Return the stored pair, or the newer one that this process could not store yet."""
        stored = await self._store.read()
        if self._unstored is None:
            return stored
        replaced, new = self._unstored
        if stored != replaced:
            # Another process has stored a pair since, which is newer than ours.
            self._unstored = None
            return stored
        await self._write(replaced, new)
        return new

    async def _refreshed(self, scope: CallScope, old: LogisticsTokenPair) -> LogisticsTokenPair:
        try:
            answered = await self._upstream.refresh(scope, old.refresh_token)
        except (UpstreamRefusal, UpstreamAuth):
            # Another process may have refreshed first, after its lock had expired; its result counts then.
            newest = await self._newest()
            if newest.refresh_token == old.refresh_token:
                raise
            return newest
        # With the documented lifetime, because the answer names none.
        new = LogisticsTokenPair(
            answered.bearer_token, answered.refresh_token or old.refresh_token, self._now() + BEARER_SECONDS
        )
        await self._write(old, new)
        return new

    async def _write(self, old: LogisticsTokenPair, new: LogisticsTokenPair) -> None:
        """Store new tokens; if that fails, note them, so that they are used and the next fetch tries again."""
        try:
            await self._store.write(new)
        except Exception:
            # Any exception, because the old refresh token is used up and only the new pair still works.
            logger.exception(
                "New tokens of the logistics API could not be kept; they are lost if the process ends now."
            )
            # Beside the pair that is in the store: an earlier replacement that could not be stored is not.
            self._unstored = old if self._unstored is None else self._unstored[0], new
        else:
            self._unstored = None
