"""Logins: by the OAuth authorization code flow, or by the session id of a single sign-on.

Between its two redirects, the state of a login is kept in a sealed cookie of the browser. The errors of logins have
messages for the person at the browser::

    HttpRefusal
    |-- LoginRefused   400: the login was denied, is too old, was used, or belongs to another browser
    |-- LoginNotSetUp  503: the operator has not set what logins need
    `-- LoginFailed    502: the logistics API did not do its part
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import jwt
import msgspec

from gateway.http.refusals import HttpRefusal
from gateway.oauth.sealing import Seal, Unsealable
from gateway.oauth.session_registry import SessionRegistry
from gateway.oauth.session_store import Session, SessionStore, hash_of
from resolvers.errors import InputRefused, RecordMissing, UpstreamAuth, UpstreamError
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.tokens import BEARER_SECONDS, LogisticsTokenClient, LogisticsTokenPair

logger = logging.getLogger(__name__)

Tokens = TypeVar("Tokens")

STATE_COOKIE: Final = "gateway_login"

STATE_SECONDS: Final = 600
"""Time limit of a login."""

EXCHANGE_SECONDS: Final = 15.0
"""Time limit of the exchange of a code or session id for tokens."""

START_AGAIN: Final = "Start again at /oauth/logistics/login."

# It is kept in a cookie, for which browsers need have no more than 4096 bytes (RFC 6265, 6.1).
_MAX_URL_LENGTH: Final = 1024
_MAX_CODE_LENGTH: Final = 2048


class LoginRefused(HttpRefusal):
    """This login cannot be completed; a new one may."""

    status = 400


class LoginNotSetUp(HttpRefusal):
    """The settings that logins need are missing."""

    code = "UPSTREAM_UNCONFIGURED"
    status = 503


class LoginFailed(HttpRefusal):
    """The logistics API failed."""

    code = "UPSTREAM_UNAVAILABLE"
    status = 502
    retryable = True


class LoginState(msgspec.Struct, frozen=True):
    """A login in progress; kept in the browser's cookie.

    Args:
        state: Sent to the consent page and back; valid only together with the cookie.
        return_to: Target of the redirect after the login: a path of the gateway or a URL of a listed origin; None
            shows a page.
        opener: The origin of the page that opened the login in a popup; the result is posted to it.
        wants_token: Whether the response has the session's token instead of setting a cookie.
    """

    state: str
    return_to: str | None
    opener: str | None
    wants_token: bool

    def __repr__(self) -> str:
        """Hide the state."""
        return "<LoginState>"


_encode = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(LoginState).decode


def new_state(
    *, return_to: str | None, opener: str | None, wants_token: bool, trusts: Callable[[str], bool]
) -> LoginState:
    """Begin a login.

    Args:
        return_to: See `LoginState`.
        opener: See `LoginState`.
        wants_token: See `LoginState`.
        trusts: Whether pages of an origin may use the gateway.

    Raises:
        LoginRefused: `return_to` or `opener` belongs to a site that the gateway does not list.
    """
    # Anywhere else, a link to the gateway could lead people to a page that imitates it (open redirect).
    if return_to is not None and not (_is_path_of_ours(return_to) or _is_of_trusted_site(return_to, trusts)):
        raise LoginRefused(
            "`return_to` must be a path of this gateway, such as /graphql with one slash at its start, or the URL of a "
            "page whose origin is in GATEWAY_CORS_ORIGINS."
        )
    # The result of the login, and maybe a token, is posted to this origin.
    if opener is not None and not trusts(opener):
        raise LoginRefused(
            "`opener` must be the origin of the page that opens this login, and that must be in GATEWAY_CORS_ORIGINS."
        )
    return LoginState(token_urlsafe(32), return_to, opener, wants_token)


def seal_login(login: LoginState, seal: Seal) -> str:
    """Return the value of the login's cookie."""
    return seal.close(_encode(login)).decode("ascii")


def open_login(cookie: str | None, state: str | None, seal: Seal) -> LoginState:
    """Return the login that a browser comes back with.

    Args:
        cookie: The browser's login cookie.
        state: The state that the consent page sent.
        seal: Opens the cookie.

    Raises:
        LoginRefused: Another browser began the login, or it took too long.
    """
    if cookie is None or state is None:
        raise LoginRefused(f"This login was not begun in this browser, or more than ten minutes ago. {START_AGAIN}")
    try:
        login = _decode(seal.open(cookie.encode("utf-8", "replace"), seconds=STATE_SECONDS))
    except (Unsealable, msgspec.MsgspecError):
        raise LoginRefused(f"This login was begun more than ten minutes ago. {START_AGAIN}") from None
    # In constant time, because the state is the secret that ties the callback to the cookie.
    if not compare_digest(login.state.encode(), state.encode("utf-8", "replace")):
        raise LoginRefused(f"This login was not begun in this browser. {START_AGAIN}")
    return login


def _is_path_of_ours(path: str) -> bool:
    # Browsers take two slashes, or a slash and a backslash, for the start of a host, and drop line breaks and tabs.
    return _is_plain(path) and path.startswith("/") and not path.startswith("//")


def _is_of_trusted_site(url: str, trusts: Callable[[str], bool]) -> bool:
    scheme, separator, rest = url.partition("://")
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    # A host with a user before it, as in https://app.example.com@evil.example, is no origin, and trusted by none.
    return bool(separator) and _is_plain(url) and trusts(f"{scheme}://{host}")


def _is_plain(text: str) -> bool:
    return (
        text.isascii() and text.isprintable() and " " not in text and "\\" not in text and len(text) <= _MAX_URL_LENGTH
    )


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
        upstream: LogisticsTokenClient,
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
        # The vendor documents no members of the user, so the subject of the token is the second choice.
        subject = _id_of(tokens.user) or _subject_of(tokens.bearer_token)
        return await self._opened(tokens.bearer_token, tokens.refresh_token, subject)

    async def _opened(self, bearer_token: str, refresh_token: str, subject: str | None) -> OpenedSession:
        tokens = LogisticsTokenPair(bearer_token, refresh_token, self._now() + BEARER_SECONDS)
        return OpenedSession(*await self._registry.open(tokens, subject))


async def _exchanged(exchange: Callable[[CallScope], Awaitable[Tokens]]) -> Tokens:
    """Exchange a code or a session id for tokens."""
    scope = CallScope(asyncio.get_running_loop().time() + EXCHANGE_SECONDS)
    try:
        return await exchange(scope)
    # No document shows how a wrong code is refused.
    except (InputRefused, RecordMissing, UpstreamAuth) as error:
        # Only the type of the error, because the upstream's message may repeat a secret.
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
    """The subject of a token, if it is a JWT with one."""
    try:
        # The signature need not be verified: the token came from the vendor itself over TLS.
        found = jwt.decode(bearer_token, options={"verify_signature": False}).get("sub")
    except (jwt.PyJWTError, RecursionError):
        return None
    return found if isinstance(found, str) and found else None
