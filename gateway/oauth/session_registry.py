"""Opens, finds, lists and revokes sessions, and lets nobody but their owners know what they unlock."""

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
from resolvers.upstreams.logistics.refreshing import LogisticsTokenPair

REMEMBERED_SESSIONS: Final = 10_000

REMEMBERED_SECONDS: Final = 5.0
"""How long a session that was looked up is not looked up again: so long a revocation takes to reach other processes."""

NO_SESSION: Final = (
    "Log in again at /oauth/logistics/login, or leave the token out: there is no such session, or it has ended."
)

_encode = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(LogisticsTokenPair).decode


class SessionRegistry:
    """The sessions of this gateway; process lifetime.

    Args:
        store: Where they are kept.
        seal: Encrypts the tokens.
        lifetime: How long a session lives, in seconds.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, store: SessionStore, seal: Seal, lifetime: float, now: Callable[[], float]) -> None:
        self._store = store
        self._seal = seal
        self._lifetime = lifetime
        self._now = now
        self._found: LRUCache[str, tuple[Session, float]] = LRUCache(REMEMBERED_SESSIONS)

    async def open(self, tokens: LogisticsTokenPair, subject: str | None) -> tuple[str, Session]:
        """Begin a session.

        Args:
            tokens: What it unlocks.
            subject: Names the person; None where the upstream does not tell, and the session stands for itself.

        Returns:
            The session's token, which is told once and kept by nobody but the caller, and the session.
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
        """The session of a token.

        Raises:
            Unauthenticated: there is none, or it has ended.
        """
        return await self._find(hash_of(token))

    async def check(self, session: Session) -> None:
        """Let only a session go on that has not been revoked meanwhile.

        Raises:
            Unauthenticated: it has, or it has ended.
        """
        await self._find(session.token_hash)

    async def _find(self, token_hash: str) -> Session:
        session, until = self._found.get(token_hash, (None, 0.0))
        if session is None or self._now() >= until:
            self._found.pop(token_hash, None)
            session = await self._store.find(token_hash)
        if session is None or self._now() >= session.expires_at:
            raise Unauthenticated(NO_SESSION)
        if token_hash not in self._found:
            self._found[token_hash] = session, self._now() + REMEMBERED_SECONDS
        return session

    async def tokens(self, session: Session) -> LogisticsTokenPair:
        """What a session unlocks now, as the store has it; sealed anew where an older key has sealed it.

        Raises:
            Unauthenticated: it has been revoked, or none of our keys opens it.
        """
        kept = await self._store.find(session.token_hash)
        if kept is None:
            raise Unauthenticated(NO_SESSION)
        try:
            tokens = _decode(self._seal.open(kept.sealed))
        except Unsealable:
            raise Unauthenticated(NO_SESSION) from None
        if not self._seal.is_current(kept.sealed):
            await self.keep(kept, tokens)
        return tokens

    async def keep(self, session: Session, tokens: LogisticsTokenPair) -> None:
        """Keep other tokens for a session."""
        await self._store.reseal(session, self._seal.close(_encode(tokens)))

    def refreshing(self, session: Session, seconds: float) -> AbstractAsyncContextManager[None]:
        """Let one refresh of a session's tokens run at a time, over all processes; see `SessionStore.locked`."""
        return self._store.locked(f"session:{session.session_id}", seconds)

    async def of_same_person(self, session: Session) -> list[Session]:
        """All sessions of the person whose session this is, the oldest first."""
        return await self._store.of_subject(session.subject)

    async def revoke(self, session: Session) -> None:
        """End a session now."""
        self._found.pop(session.token_hash, None)
        await self._store.remove(session)


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
