"""The session of whoever asks to see or to end sessions."""

from starlette.types import Scope

from gateway.auth.cookies import Cookies
from gateway.auth.credentials import credentials_of
from gateway.auth.key_holders import KeyHolders
from gateway.oauth.session_registry import SessionRegistry
from gateway.oauth.sessions import Session
from resolvers.errors import Unauthenticated


class CurrentSession:
    """Finds the session that a request shows; process lifetime.

    Args:
        registry: Knows the sessions.
        key_holders: Knows keys and tokens, of which a wrong one is refused beside a good session too.
        cookies: Reads the session's cookie.
    """

    def __init__(self, registry: SessionRegistry, key_holders: KeyHolders, cookies: Cookies) -> None:
        self._registry = registry
        self._key_holders = key_holders
        self._cookies = cookies

    async def find(self, scope: Scope) -> Session:
        """The session of a request.

        Raises:
            Unauthenticated: it shows none, or one that has ended, or a wrong key beside it.
            Forbidden: it shows a token for an account that this gateway does not have.
        """
        credentials = credentials_of(scope, self._cookies)
        if credentials is None or credentials.session is None:
            raise Unauthenticated("Log in at /oauth/logistics/login: sessions are shown to those who have one.")
        await self._key_holders.find(credentials)
        return await self._registry.find(credentials.session)

    async def find_to_end(self, scope: Scope) -> Session | None:
        """The session of a request that ends it; None where its cookie opens nothing, and may be deleted all the same.

        Raises:
            Unauthenticated: as `find`, save for what only the cookie is to blame for.
            Forbidden: as `find`.
        """
        in_headers = credentials_of(scope, None)
        if in_headers is not None:
            await self._key_holders.find(in_headers)
        try:
            return await self.find(scope)
        except Unauthenticated:
            has_token = in_headers is not None and in_headers.session is not None
            cookie_headers = [value for name, value in scope["headers"] if name == b"cookie"]
            if has_token or not self._cookies.shows_session(cookie_headers):
                raise
            return None
