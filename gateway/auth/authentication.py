"""Authenticates the callers of HTTP requests and WebSockets.

::

    headers, cookies, connection_init -> CallerCredentials --.
                                                       |-- key ---> KeyHolders: ApiKeys, then JwtCallers
                                                       |-- session -> SessionCallers, on top of the key's caller
                                                       `-- none --> the anonymous caller, if the settings allow one
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.auth.cookies import Cookies
from gateway.auth.credentials import CallerCredentials, credentials_of, credentials_of_socket
from gateway.auth.json_web_tokens import JwtCallers
from resolvers.errors import Unauthenticated


class ApiKeys:
    """Finds the caller of an API key; process lifetime.

    Args:
        callers: The callers by the SHA-256 of their keys, in hex; the keys themselves are not known.
    """

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        self._callers = [(bytes.fromhex(digest), caller) for digest, caller in callers.items()]

    def find(self, key: str) -> Caller | None:
        """Return the caller of this key; None if no caller has it."""
        digest = sha256(key.encode()).digest()
        found = None
        # All digests are compared, and each in constant time, so that the time reveals nothing about any of them.
        for known, caller in self._callers:
            if compare_digest(known, digest):
                found = caller
        return found


class KeyHolders:
    """The callers with an API key or a JWT; process lifetime.

    Args:
        api_keys: The callers with an API key.
        jwt_callers: The callers with a JWT; None if the settings name no issuer.
    """

    def __init__(self, api_keys: ApiKeys, jwt_callers: JwtCallers | None = None) -> None:
        self._api_keys = api_keys
        self._jwt_callers = jwt_callers

    async def find(self, credentials: CallerCredentials) -> Caller | None:
        """Return the caller of the key in the credentials; None if they have no key.

        Raises:
            Unauthenticated: The key is unknown, or the token is invalid.
            Forbidden: It is right, but for an account that this gateway does not have.
        """
        key = credentials.key
        if key is None:
            return None
        caller = self._api_keys.find(key)
        if caller is not None:
            return caller
        # A JWT has two dots: whatever has another number of them need not be parsed as one.
        if self._jwt_callers is not None and not credentials.only_key and key.count(".") == 2:
            return await self._jwt_callers.find(key)
        raise Unauthenticated(
            "Check that the key or token is complete and meant for this gateway: it is not known here."
        )


class SessionCallers(Protocol):
    """Finds the callers of session tokens; process lifetime."""

    async def find(self, token: str, base: Caller | None) -> Caller:
        """Return the caller of this session.

        Args:
            token: The session's token.
            base: The caller by its key, or the anonymous caller; None if neither exists.

        Raises:
            Unauthenticated: There is no such session, or it has ended.
        """
        ...


class Authentication:
    """Authenticates callers; process lifetime.

    Wrong credentials are refused even if anonymous callers are allowed.

    Args:
        key_holders: The callers with a key or a JWT.
        cookies: Reads the session cookie.
        sessions: The callers with a session; None if the settings allow no sessions.
        anonymous: The caller without credentials; None refuses such requests.
    """

    def __init__(
        self,
        key_holders: KeyHolders,
        cookies: Cookies,
        *,
        sessions: SessionCallers | None = None,
        anonymous: Caller | None = None,
    ) -> None:
        self._key_holders = key_holders
        self._cookies = cookies
        self._sessions = sessions
        self._anonymous = anonymous

    async def __call__(self, scope: Scope) -> Caller:
        """Return the caller of an HTTP request.

        Raises:
            Unauthenticated: The credentials are missing or wrong.
            Forbidden: They are right, but for an account that this gateway does not have.
        """
        return await self._caller(credentials_of(scope, self._cookies))

    async def socket(self, scope: Scope, payload: Mapping[str, object] | None) -> Caller:
        """Return the caller of a WebSocket; called again when a message renews its credentials.

        Args:
            scope: The WebSocket's ASGI scope.
            payload: The payload of `connection_init`.

        Raises:
            Unauthenticated: The credentials are missing or wrong.
            Forbidden: They are right, but for an account that this gateway does not have.
        """
        return await self._caller(credentials_of_socket(scope, payload, self._cookies))

    async def _caller(self, credentials: CallerCredentials | None) -> Caller:
        if credentials is None:
            return self._without_credentials()
        # A key is checked even beside a good session, so that a wrong one is never overlooked.
        base = await self._key_holders.find(credentials) or self._anonymous
        if credentials.session is None:
            return base or self._without_credentials()
        if self._sessions is None:
            raise Unauthenticated("Leave the session token out: this gateway keeps no sessions.")
        return await self._sessions.find(credentials.session, base)

    def _without_credentials(self) -> Caller:
        if self._anonymous is None:
            raise Unauthenticated(
                "Send `Authorization: Bearer` and a key or token (no other scheme), or X-API-Key, "
                "in headers or connection_init."
            )
        return self._anonymous
