"""The operations that give out tokens, and their answers, of which no repr shows a token.

They need no bearer token (documents: Authentication; SSO Exchange Token).
"""

from typing import Any, Final

import msgspec

from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Call, CallScope
from resolvers.upstreams.logistics.connection import LogisticsConnection
from resolvers.upstreams.texts import NonEmpty


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


class LogisticsTokens(LogisticsConnection):
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
