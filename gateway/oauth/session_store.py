"""Sessions, the interface of their stores, and what all stores share: error translation and the refresh lock.

Theory of the refresh lock
--------------------------
The logistics API may replace the refresh token with each refresh, so concurrent refreshes of one session or account
could invalidate each other. A process therefore refreshes under a lock in the store: it takes the lock, reads the
stored tokens again, and calls the API only if nobody else has replaced them. The lock expires after the time that its
holder has left, so a crashed process blocks the others no longer than its own deadline.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from resolvers.errors import UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.stack import loop_clock

logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
"""Suggested wait before a failed store is tried again."""


class SessionStoreUnavailable(UpstreamUnavailable):
    """The store does not respond, so the session cannot be checked; it may be valid.

    Reported as the logistics API being unavailable, since a session gives access to that.
    """

    def __init__(self) -> None:
        message = "Try again later: the gateway's store of sessions does not answer, and the session may be good."
        super().__init__(UpstreamName.LOGISTICS, message, retry_after=RETRY_SECONDS)


class Session(msgspec.Struct, frozen=True):
    """A stored session, without its secret token.

    Args:
        session_id: Its public id, for its owner and for cache keys.
        token_hash: The SHA-256 of its secret token, in hex.
        subject: Identifies the person, as far as the upstream does; sessions of one subject can be listed and revoked.
        sealed: The encrypted logistics tokens.
        created_at: Seconds since 1970.
        expires_at: Seconds since 1970.
    """

    session_id: str
    token_hash: str
    subject: str
    sealed: bytes
    created_at: float
    expires_at: float

    def __repr__(self) -> str:
        """Hide the sealed tokens and the hash."""
        return f"<Session {self.session_id}>"


class SessionStore(Protocol):
    """Stores sessions; process lifetime. Expired ones may be dropped at any time.

    Every method but `close` raises SessionStoreUnavailable if the store does not respond.
    """

    async def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def find(self, token_hash: str) -> Session | None:
        """Return the session whose token has this hash."""
        ...

    async def reseal(self, session: Session, sealed: bytes, *, only_as_read: bool = False) -> None:
        """Replace the tokens of a session; a revoked one stays revoked.

        Args:
            session: The session.
            sealed: Its new tokens.
            only_as_read: Whether to do so only while it has the tokens of `session`: those who do not hold the lock of
                its refresh must not replace what a refresh has stored since they read it.
        """
        ...

    async def of_subject(self, subject: str) -> list[Session]:
        """Return all sessions of a person, the oldest first."""
        ...

    async def remove(self, session: Session) -> None:
        """Revoke a session."""
        ...

    async def spend(self, mark: str, until: float) -> bool:
        """Use a mark that may be used once.

        Args:
            mark: Identifies it; no secret.
            until: When it expires anyway, in seconds since 1970.

        Returns:
            Whether this was the first use.
        """
        ...

    async def tokens(self, name: str) -> bytes | None:
        """Return the stored sealed tokens of one of the gateway's own accounts."""
        ...

    async def keep_tokens(self, name: str, sealed: bytes) -> None:
        """Store the sealed tokens of one of the gateway's own accounts."""
        ...

    def locked(self, name: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """Hold the lock of this name, across the processes that share the store.

        Args:
            name: The lock's name.
            seconds: How long to wait for the lock at most, and how long it is held at most before it expires.

        Raises:
            TimeoutError: The lock was not free in time.
        """
        ...

    async def close(self) -> None:
        """Close connections and files."""
        ...


def hash_of(token: str) -> str:
    """Return the SHA-256 of a token, in hex."""
    # Without salt and stretching, because tokens are long and random, unlike passwords.
    return sha256(token.encode()).hexdigest()


class StoreFaults:
    """Translates the errors of a store's library; lifetime of the store.

    Args:
        store_name: The store's name in the log.
        kinds: The library's exceptions.
    """

    def __init__(self, store_name: str, *kinds: type[Exception]) -> None:
        self._store_name = store_name
        self._kinds = kinds
        self._failing = False

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Translate the library's errors within the block.

        Raises:
            SessionStoreUnavailable: The library raised one of `kinds`.
        """
        try:
            yield
        except self._kinds as error:
            # Every request with a session asks the store, so only the first of many failures is logged.
            if not self._failing:
                self._failing = True
                logger.warning(
                    "%s fails (%s: %s): sessions cannot be used.", self._store_name, type(error).__name__, error
                )
            raise SessionStoreUnavailable from error
        if self._failing:
            self._failing = False
            logger.info("%s is back: sessions can be used again.", self._store_name)


MOST_SECONDS: Final = 60.0
"""Time limit of a refresh, even if its operation has more time left."""


@asynccontextmanager
async def refresh_lock(
    scope: CallScope, lock: Callable[[float], AbstractAsyncContextManager[None]]
) -> AsyncIterator[None]:
    """Hold a refresh lock for the time that the refresh has left.

    Args:
        scope: The call scope of the refresh, with its deadline.
        lock: Makes the lock for a number of seconds to wait and to hold it.

    Raises:
        UpstreamTimeout: Other refreshes took too long.
    """
    # A moment at least, so that a lock that is free can be taken even close to the deadline.
    seconds = min(MOST_SECONDS, max(0.1, scope.deadline - loop_clock()))
    try:
        async with lock(seconds):
            yield
    except TimeoutError as error:
        message = "LOGISTICS gave another process no token in time; try again later."
        raise UpstreamTimeout(UpstreamName.LOGISTICS, message) from error
