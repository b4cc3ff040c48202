"""Opens, finds, lists and revokes sessions, and seals their tokens.

A session's secret token is given to the client once; the store has its SHA-256 only. Looked-up sessions are cached for
`REMEMBERED_SECONDS`, so a revocation takes effect at once in its own process and after that time in the others.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from secrets import token_hex, token_urlsafe
from typing import Final

import msgspec
from cachetools import LRUCache
from starlette.types import Scope

from gateway.auth.authentication import KeyHolders
from gateway.auth.callers import caller_name
from gateway.auth.cookies import Cookies
from gateway.auth.credentials import SESSION_PREFIX, credentials_of
from gateway.oauth.sealing import Seal, Unsealable
from gateway.oauth.session_store import Session, SessionStore, hash_of
from resolvers.errors import Unauthenticated
from resolvers.upstreams.logistics.tokens import LogisticsTokenPair

REMEMBERED_SESSIONS: Final = 10_000

REMEMBERED_SECONDS: Final = 5.0
"""How long a looked-up session is cached: the delay of a revocation in other processes."""

NO_SESSION: Final = (
    "Log in again at /oauth/logistics/login, or leave the token out: there is no such session, or it has ended."
)

_encode = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(LogisticsTokenPair).decode


class SessionRegistry:
    """The sessions of this gateway; process lifetime.

    Args:
        store: Keeps the sessions.
        seal: Encrypts the sessions' tokens.
        lifetime: Lifetime of a session, in seconds.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, store: SessionStore, seal: Seal, lifetime: float, now: Callable[[], float]) -> None:
        self._store = store
        self._seal = seal
        self._lifetime = lifetime
        self._now = now
        self._found: LRUCache[str, tuple[Session, float]] = LRUCache(REMEMBERED_SESSIONS)
        self._revocations = 0

    async def open(self, tokens: LogisticsTokenPair, subject: str | None) -> tuple[str, Session]:
        """Open a session.

        Args:
            tokens: The tokens of the logistics account.
            subject: Identifies the person; None if the upstream does not, and the session then has a subject of its
                own.

        Returns:
            The session's secret token, which is not stored, and the session.
        """
        token, session_id, now = SESSION_PREFIX + token_urlsafe(32), token_hex(12), self._now()
        session = Session(
            session_id=session_id,
            token_hash=hash_of(token),
            subject=caller_name("person", subject) if subject else f"session:{session_id}",
            sealed=self._seal.close(_encode(tokens)),
            created_at=now,
            expires_at=now + self._lifetime,
        )
        await self._store.add(session)
        return token, session

    async def find(self, token: str) -> Session:
        """Return the session of a token.

        Raises:
            Unauthenticated: There is no such session, or it has ended.
        """
        return await self._find(hash_of(token))

    async def check(self, session: Session) -> None:
        """Check that a session has not been revoked.

        Raises:
            Unauthenticated: It has been revoked, or has expired.
        """
        await self._find(session.token_hash)

    async def _find(self, token_hash: str) -> Session:
        session, until = self._found.get(token_hash, (None, 0.0))
        if session is None or self._now() >= until:
            self._found.pop(token_hash, None)
            revocations = self._revocations
            session = await self._store.find(token_hash)
            # What was looked up while a session was revoked may be that session, read before it was removed.
            if session is not None and revocations == self._revocations:
                self._found[token_hash] = session, self._now() + REMEMBERED_SECONDS
        if session is None or self._now() >= session.expires_at:
            raise Unauthenticated(NO_SESSION)
        return session

    async def tokens(self, session: Session) -> LogisticsTokenPair:
        """Return a session's tokens from the store; tokens sealed by an older key are sealed again.

        Raises:
            Unauthenticated: The session has been revoked, or no key opens its tokens.
        """
        # Not from the cache, because another process may have refreshed the tokens.
        kept = await self._store.find(session.token_hash)
        if kept is None:
            raise Unauthenticated(NO_SESSION)
        try:
            tokens = _decode(self._seal.open(kept.sealed))
        except Unsealable:
            raise Unauthenticated(NO_SESSION) from None
        if not self._seal.is_current(kept.sealed):
            # Outside of the refresh lock, which those who refresh hold while they read.
            await self._store.reseal(kept, self._seal.close(_encode(tokens)), only_as_read=True)
        return tokens

    async def keep(self, session: Session, tokens: LogisticsTokenPair) -> None:
        """Store new tokens for a session."""
        await self._store.reseal(session, self._seal.close(_encode(tokens)))

    def refreshing(self, session: Session, seconds: float) -> AbstractAsyncContextManager[None]:
        """Hold the lock of a session's refresh, across processes; see `SessionStore.locked`."""
        return self._store.locked(f"session:{session.session_id}", seconds)

    async def of_same_person(self, session: Session) -> list[Session]:
        """Return all sessions of this session's person, the oldest first."""
        return await self._store.of_subject(session.subject)

    async def revoke(self, session: Session) -> None:
        """Revoke a session."""
        try:
            await self._store.remove(session)
        finally:
            # Also if the store fails, because it may have removed the session before it failed.
            self._revocations += 1
            self._found.pop(session.token_hash, None)


class CurrentSession:
    """Finds the session of a request to the session routes; process lifetime.

    Args:
        registry: Holds the sessions.
        key_holders: Checks keys and tokens; a wrong one is refused even if the session is good.
        cookies: Reads the session cookie.
    """

    def __init__(self, registry: SessionRegistry, key_holders: KeyHolders, cookies: Cookies) -> None:
        self._registry = registry
        self._key_holders = key_holders
        self._cookies = cookies

    async def find(self, scope: Scope) -> Session:
        """Return the session of a request.

        Raises:
            Unauthenticated: The request has no session, or one that has ended, or a wrong key as well.
            Forbidden: It has a token for an account that this gateway does not have.
        """
        credentials = credentials_of(scope, self._cookies)
        if credentials is None or credentials.session is None:
            raise Unauthenticated("Log in at /oauth/logistics/login: sessions are shown to those who have one.")
        await self._key_holders.find(credentials)
        return await self._registry.find(credentials.session)

    async def find_to_end(self, scope: Scope) -> Session | None:
        """Return the session to log out of; None if the cookie is invalid, and may be deleted.

        Raises:
            Unauthenticated: As for `find`, except if only the cookie is at fault.
            Forbidden: As for `find`.
        """
        # A wrong key or token in the headers is refused whatever the cookie is.
        in_headers = credentials_of(scope, None)
        if in_headers is not None:
            await self._key_holders.find(in_headers)
        try:
            return await self.find(scope)
        except Unauthenticated:
            # A page cannot delete a cookie that no script can read, so a logout has to work for an invalid one too.
            has_token = in_headers is not None and in_headers.session is not None
            cookie_headers = [value for name, value in scope["headers"] if name == b"cookie"]
            if has_token or not self._cookies.shows_session(cookie_headers):
                raise
            return None
