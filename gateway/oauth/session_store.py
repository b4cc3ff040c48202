"""A session: one login of one person with a logistics account of their own, and the interface of its stores."""

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
"""After which it makes sense to ask a store again that failed."""


class SessionStoreUnavailable(UpstreamUnavailable):
    """The store does not answer, so that nobody knows what a session opens; the session itself may be good.

    It counts as the logistics API being away, which is what a session opens.
    """

    def __init__(self) -> None:
        message = "Try again later: the gateway's store of sessions does not answer, and the session may be good."
        super().__init__(UpstreamName.LOGISTICS, message, retry_after=RETRY_SECONDS)


class Session(msgspec.Struct, frozen=True):
    """One login, as it is kept; lives until it ends or is revoked.

    Args:
        session_id: Names it to its owner and in keys of caches; nobody gets in with it.
        token_hash: The SHA-256 of its token, in hex; the token itself is kept nowhere.
        subject: Names the person, as far as the upstream told: all sessions of a person can be listed and revoked.
        sealed: The logistics tokens, encrypted.
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
        """Its public name."""
        return f"<Session {self.session_id}>"


class SessionStore(Protocol):
    """Keeps sessions; process lifetime. What has expired may be forgotten at any time.

    Every method but `close` raises SessionStoreUnavailable where the store does not answer.
    """

    async def add(self, session: Session) -> None:
        """Keep a new session."""
        ...

    async def find(self, token_hash: str) -> Session | None:
        """The session whose token has this hash."""
        ...

    async def reseal(self, session: Session, sealed: bytes) -> None:
        """Keep other tokens for a session; one that was revoked meanwhile stays revoked."""
        ...

    async def of_subject(self, subject: str) -> list[Session]:
        """All sessions of a person, the oldest first."""
        ...

    async def remove(self, session: Session) -> None:
        """Revoke a session."""
        ...

    async def spend(self, mark: str, until: float) -> bool:
        """Use up something that may be used once.

        Args:
            mark: Names it; no secret.
            until: When it cannot be used any more anyway, in seconds since 1970.

        Returns:
            Whether this was the first time.
        """
        ...

    async def tokens(self, name: str) -> bytes | None:
        """The sealed tokens of one of the gateway's own accounts, as they were last kept."""
        ...

    async def keep_tokens(self, name: str, sealed: bytes) -> None:
        """Keep the sealed tokens of one of the gateway's own accounts."""
        ...

    def locked(self, name: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """Let one block of this name run at a time, over all processes that share the store.

        Args:
            name: What the blocks have in common.
            seconds: How long to wait at most, and how long the block may take before others go on without it.

        Raises:
            TimeoutError: the others were not done in time.
        """
        ...

    async def close(self) -> None:
        """Give up connections and files."""
        ...


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()


class StoreFaults:
    """Translates what a store's library raises; store lifetime.

    Args:
        place: Names the store in the log.
        kinds: What the library raises.
    """

    def __init__(self, place: str, *kinds: type[Exception]) -> None:
        self._place = place
        self._kinds = kinds
        self._failing = False

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Within the block, the library's faults are ours; the first of several in a row is logged.

        Raises:
            SessionStoreUnavailable: the library raised one of its kinds.
        """
        try:
            yield
        except self._kinds as error:
            if not self._failing:
                self._failing = True
                logger.warning("%s fails (%s: %s): sessions cannot be used.", self._place, type(error).__name__, error)
            raise SessionStoreUnavailable from error
        if self._failing:
            self._failing = False
            logger.info("%s is back: sessions can be used again.", self._place)


MOST_SECONDS: Final = 60.0
"""What a refresh may take, however long its operation has."""


@asynccontextmanager
async def refresh_lock(
    scope: CallScope, lock: Callable[[float], AbstractAsyncContextManager[None]]
) -> AsyncIterator[None]:
    """Hold a lock for a refresh, as long as the refresh may take.

    Args:
        scope: The refresh's; after its deadline no answer is waited for.
        lock: Makes the lock that is waited for, and held, for so many seconds.

    Raises:
        UpstreamTimeout: other refreshes were not done in time.
    """
    seconds = min(MOST_SECONDS, max(0.1, scope.deadline - loop_clock()))
    try:
        async with lock(seconds):
            yield
    except TimeoutError as error:
        message = "LOGISTICS gave another process no token in time; try again later."
        raise UpstreamTimeout(UpstreamName.LOGISTICS, message) from error
