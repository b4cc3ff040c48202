"""Opens sessions by the OAuth authorization code flow, or by the session id of a single sign-on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import jwt
import msgspec

from gateway.oauth.login_state import START_AGAIN, STATE_SECONDS, LoginState
from gateway.oauth.refusals import LoginFailed, LoginRefused
from gateway.oauth.session_registry import SessionRegistry
from gateway.oauth.session_store import Session, SessionStore, hash_of
from resolvers.errors import InputRefused, RecordMissing, UpstreamAuth, UpstreamError
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.tokens import BEARER_SECONDS, LogisticsTokenPair, LogisticsTokens

logger = logging.getLogger(__name__)

Tokens = TypeVar("Tokens")

EXCHANGE_SECONDS: Final = 15.0
"""Time limit of the exchange of a code or session id for tokens."""

_MAX_CODE_LENGTH: Final = 2048


class OpenedSession(msgspec.Struct, frozen=True):
    """A new session with its token.

    Args:
        token: The secret token, which is not stored.
        session: The stored session.
    """

    token: str
    session: Session

    def __repr__(self) -> str:
        """Hide the token."""
        return f"<OpenedSession {self.session.session_id}>"


class LogisticsLogin:
    """Opens sessions; process lifetime.

    Args:
        authorize_url: The URL of the vendor's consent page.
        client_key: The partner's id there.
        upstream: Exchanges codes and session ids for tokens.
        registry: Holds the sessions.
        store: Remembers the used states.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        *,
        authorize_url: str,
        client_key: str,
        upstream: LogisticsTokens,
        registry: SessionRegistry,
        store: SessionStore,
        now: Callable[[], float],
    ) -> None:
        self._authorize_url = authorize_url
        self._client_key = client_key
        self._upstream = upstream
        self._registry = registry
        self._store = store
        self._now = now

    def consent_url(self, login: LoginState, callback_url: str) -> str:
        """Return the URL of the consent page (document: Basic Oauth2 steps, 2)."""
        query = {"client_key": self._client_key, "redirect_url": callback_url, "state": login.state}
        return f"{self._authorize_url}?{urlencode(query)}"

    async def spend_state(self, login: LoginState) -> None:
        """Mark a login's state as used.

        Raises:
            LoginRefused: It was used before.
        """
        if not await self._store.spend(hash_of(login.state), self._now() + STATE_SECONDS):
            raise LoginRefused(f"This login has been completed before. {START_AGAIN}")

    async def by_code(self, code: str | None) -> OpenedSession:
        """Open a session for the authorization code of the consent page.

        Raises:
            LoginRefused: The code is invalid.
            LoginFailed: The logistics API failed.
        """
        if not code or len(code) > _MAX_CODE_LENGTH:
            raise LoginRefused(f"The consent page sent no code. {START_AGAIN}")
        pair = await _exchanged(lambda scope: self._upstream.exchange_code(scope, code))
        return await self._opened(pair.bearer_token, pair.refresh_token, _subject_of(pair.bearer_token))

    async def by_session_id(self, session_id: str) -> OpenedSession:
        """Open a session for the session id of a single sign-on (document: SSO Flow, 4).

        Raises:
            LoginRefused: The session id is invalid.
            LoginFailed: The logistics API failed.
        """
        tokens = await _exchanged(lambda scope: self._upstream.exchange_session(scope, session_id))
        subject = _id_of(tokens.user) or _subject_of(tokens.bearer_token)
        return await self._opened(tokens.bearer_token, tokens.refresh_token, subject)

    async def _opened(self, bearer_token: str, refresh_token: str, subject: str | None) -> OpenedSession:
        tokens = LogisticsTokenPair(bearer_token, refresh_token, self._now() + BEARER_SECONDS)
        return OpenedSession(*await self._registry.open(tokens, subject))


async def _exchanged(exchange: Callable[[CallScope], Awaitable[Tokens]]) -> Tokens:
    """Exchange for tokens; the upstream's error messages are not passed on, since they may repeat secrets."""
    scope = CallScope(asyncio.get_running_loop().time() + EXCHANGE_SECONDS)
    try:
        return await exchange(scope)
    except (InputRefused, RecordMissing, UpstreamAuth) as error:
        logger.warning("The logistics API refused a login: %s", type(error).__name__)
        raise LoginRefused(
            f"The logistics API did not accept this login: it is too old, or used. {START_AGAIN}"
        ) from None
    except UpstreamError as error:
        logger.warning("The logistics API failed at a login: %s", type(error).__name__)
        raise LoginFailed("The logistics API did not answer the login properly; try again later.") from None


def _id_of(user: Any) -> str | None:  # noqa: ANN401 - the vendor documents no fields
    found = user.get("id") if isinstance(user, dict) else None
    return found if isinstance(found, str) and found else None


def _subject_of(bearer_token: str) -> str | None:
    """The subject of a token, if it is a JWT with one.

    The signature is not verified: the token came from the vendor itself over TLS.
    """
    try:
        found = jwt.decode(bearer_token, options={"verify_signature": False}).get("sub")
    except (jwt.PyJWTError, RecursionError):
        return None
    return found if isinstance(found, str) and found else None
