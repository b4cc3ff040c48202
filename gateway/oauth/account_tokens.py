"""Keeps the logistics tokens of the gateway's own accounts in the session store, sealed like those of sessions.

The settings hold an account's first token pair, and each refresh replaces it. The replaced pair must survive a restart
and reach the other processes, so it is kept in the store, along with the hash of the configured refresh token: after
the operator configures another token, pairs that descend from the old one are ignored.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import msgspec

from gateway.oauth.sealing import Seal, Unsealable
from gateway.oauth.session_store import SessionStore, SessionStoreUnavailable, hash_of, refresh_lock
from resolvers.identities import account_name
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.tokens import (
    LogisticsTokenClient,
    LogisticsTokenPair,
    MemoryTokenStore,
    TokenRefresher,
    TokenStore,
)
from resolvers.upstreams.transport.credentials import FetchToken


class _Sealed(msgspec.Struct, frozen=True):
    """The sealed content: the account's tokens, and the hash of the configured token that they descend from."""

    configured: str
    tokens: LogisticsTokenPair


_encode = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Sealed).decode


class RefreshedAccountTokens:
    """Fetches the bearer tokens of accounts that have a refresh token; process lifetime.

    Args:
        store: Keeps the tokens; None keeps them in this process only.
        secret_keys: Seal the tokens; if empty, each account's configured refresh token seals its own.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, store: SessionStore | None, secret_keys: Sequence[str], now: Callable[[], float]) -> None:
        self._store = store
        self._secret_keys = secret_keys
        self._now = now

    def of(self, identity: str, configured: LogisticsTokenPair, upstream: LogisticsTokenClient) -> FetchToken:
        """Return the function that fetches an account's tokens.

        Args:
            identity: The account's identity.
            configured: The token pair in the settings.
            upstream: The logistics API, which issues new tokens.
        """
        # By the name, which stays: only another configured refresh token makes what was kept worthless.
        return TokenRefresher(self._token_store(account_name(identity), configured), upstream, self._now).fetch

    async def close(self) -> None:
        """Close files and connections."""
        if self._store is not None:
            await self._store.close()

    def _token_store(self, name: str, configured: LogisticsTokenPair) -> TokenStore:
        if self._store is None:
            return MemoryTokenStore(configured)
        seal = Seal(self._secret_keys or [configured.refresh_token], "account tokens", self._now)
        return StoredTokens(name, configured, self._store, seal)


class StoredTokens:
    """The stored tokens of one account; process lifetime.

    While the store cannot be reached, the tokens last known in this process are used.

    Args:
        name: The account's name.
        configured: The token pair in the settings; stored pairs that descend from another one are ignored.
        store: Keeps the tokens.
        seal: Encrypts the tokens.
    """

    def __init__(self, name: str, configured: LogisticsTokenPair, store: SessionStore, seal: Seal) -> None:
        self._name = f"account:{name}"
        self._configured = hash_of(configured.refresh_token)
        self._store = store
        self._seal = seal
        self._known = configured

    async def read(self) -> LogisticsTokenPair:
        """Return the stored tokens, or else those of the settings."""
        with suppress(SessionStoreUnavailable):
            sealed = await self._store.tokens(self._name)
            if sealed is not None:
                self._known = self._opened(sealed) or self._known
        return self._known

    async def write(self, tokens: LogisticsTokenPair) -> None:
        """Store new tokens.

        Raises:
            SessionStoreUnavailable: The store does not respond.
        """
        sealed = self._seal.close(_encode(_Sealed(self._configured, tokens)))
        await self._store.keep_tokens(self._name, sealed)
        # Not before it is stored: `TokenRefresher` sees by the old pair that the new one is not stored yet.
        self._known = tokens

    @asynccontextmanager
    async def refreshing(self, scope: CallScope) -> AsyncIterator[None]:
        """Hold the lock of the account's refresh, across the processes that share the store."""
        async with AsyncExitStack() as held:
            # Without the store, a refresh without a lock is better than none. Only taking the lock is suppressed: an
            # error of the block itself reaches the caller.
            with suppress(SessionStoreUnavailable):
                lock = refresh_lock(scope, lambda seconds: self._store.locked(self._name, seconds))
                await held.enter_async_context(lock)
            yield

    def _opened(self, sealed: bytes) -> LogisticsTokenPair | None:
        try:
            kept = _decode(self._seal.open(sealed))
        except (Unsealable, msgspec.MsgspecError):
            return None
        # Another configured token means that the operator has replaced it since.
        return kept.tokens if kept.configured == self._configured else None
