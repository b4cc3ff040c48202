"""Where the logistics tokens of the gateway's own accounts are kept: next to the sessions, sealed in the same way."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import msgspec

from gateway.oauth.sealing import Seal, Unsealable
from gateway.oauth.session_store import SessionStore, SessionStoreUnavailable, hash_of, refresh_lock
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.refreshing import LogisticsTokenPair, RefreshedTokens, TokenPlace, UnsharedTokens
from resolvers.upstreams.logistics.tokens_client import LogisticsTokens
from resolvers.upstreams.transport.credentials import FetchToken


class _Sealed(msgspec.Struct, frozen=True):
    """What is sealed of an account: its tokens, and the hash of the configured token that they all descend from."""

    configured: str
    tokens: LogisticsTokenPair


_encode = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Sealed).decode


class AccountTokens:
    """Gives out the bearer tokens of accounts with a refresh token; process lifetime.

    Args:
        store: Where tokens are kept; None for this process's memory alone.
        secret_keys: What seals them; with none, each account's configured refresh token seals its own.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, store: SessionStore | None, secret_keys: Sequence[str], now: Callable[[], float]) -> None:
        self._store = store
        self._secret_keys = secret_keys
        self._now = now

    def of(self, identity: str, configured: LogisticsTokenPair, upstream: LogisticsTokens) -> FetchToken:
        """Return what fetches the tokens of an account.

        Args:
            identity: Names the account.
            configured: Its tokens as the settings name them.
            upstream: Gives out new ones.
        """
        return RefreshedTokens(self._place(identity, configured), upstream, self._now).fetch

    async def close(self) -> None:
        """Give up files and connections."""
        if self._store is not None:
            await self._store.close()

    def _place(self, identity: str, configured: LogisticsTokenPair) -> TokenPlace:
        if self._store is None:
            return UnsharedTokens(configured)
        seal = Seal(self._secret_keys or [configured.refresh_token], "account tokens", self._now)
        return StoredTokens(identity, configured, self._store, seal)


class StoredTokens:
    """The place of one account's tokens; process lifetime.

    While the store is away the account is used all the same, with what is known of its tokens in this process.

    Args:
        identity: Names the account.
        configured: Its tokens as the settings name them; once others are set, those kept before count no longer.
        store: Where they are kept.
        seal: Encrypts them.
    """

    def __init__(self, identity: str, configured: LogisticsTokenPair, store: SessionStore, seal: Seal) -> None:
        self._name = f"account:{identity}"
        self._configured = hash_of(configured.refresh_token)
        self._store = store
        self._seal = seal
        self._known = configured

    async def read(self) -> LogisticsTokenPair:
        """Return the tokens that were last kept, those of the settings where there are none."""
        with suppress(SessionStoreUnavailable):
            sealed = await self._store.tokens(self._name)
            if sealed is not None:
                self._known = self._opened(sealed) or self._known
        return self._known

    async def write(self, tokens: LogisticsTokenPair) -> None:
        """Keep other tokens.

        Raises:
            SessionStoreUnavailable: the store does not answer.
        """
        sealed = self._seal.close(_encode(_Sealed(self._configured, tokens)))
        await self._store.keep_tokens(self._name, sealed)
        self._known = tokens

    @asynccontextmanager
    async def refreshing(self, scope: CallScope) -> AsyncIterator[None]:
        """Let one refresh at a time run, over all processes that the store can tell of each other."""
        async with AsyncExitStack() as held:
            with suppress(SessionStoreUnavailable):
                lock = refresh_lock(scope, lambda seconds: self._store.locked(self._name, seconds))
                await held.enter_async_context(lock)
            yield

    def _opened(self, sealed: bytes) -> LogisticsTokenPair | None:
        try:
            kept = _decode(self._seal.open(sealed))
        except (Unsealable, msgspec.MsgspecError):
            return None
        return kept.tokens if kept.configured == self._configured else None
