"""The interface of the stores of idempotency keys, and what they have in common."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final, NamedTuple, Protocol

import msgspec

from resolvers.errors import IdempotencyUnavailable

logger = logging.getLogger(__name__)


UNIT_BYTES: Final = 1024
"""An outcome of so many bytes counts as another key; most take a tenth of it."""


class KeyName(NamedTuple):
    """Where a key is kept; a value.

    Attributes:
        caller: The hash of the caller's name.
        key: The hash of the key.
    """

    caller: str
    key: str


class KeyLimits(msgspec.Struct, frozen=True):
    """The bounds of a store. Lifetime: process.

    Args:
        keep_seconds: How long a key is kept after it was first used.
        keys_per_caller: The most keys that a caller may have kept at a time; an outcome counts as one more key for
            each whole `UNIT_BYTES` of it.
    """

    keep_seconds: int = 86_400
    keys_per_caller: int = 10_000


class Verdict(Enum):
    """What a store answers to a claim."""

    OWNED = 1
    """The key is free, or its owner is gone: it belongs to who claims it, until the lease ends."""
    SETTLED = 2
    """All outcomes of the key are known, and nobody owns it."""
    BUSY = 3
    """The key belongs to another request, whose lease has not ended."""
    OTHER_INPUT = 4
    """The key was first used with another input."""
    FULL = 5
    """The caller has as many keys as it may have."""


class Claimed(NamedTuple):
    """The answer to a claim; a value.

    Attributes:
        verdict: What became of it.
        content: What is kept under the key; empty where there is nothing yet.
    """

    verdict: Verdict
    content: bytes = b""


class KeyStore(Protocol):
    """Keeps what became of idempotency keys. Lifetime: process.

    Every method raises IdempotencyUnavailable if the store does not respond. An owner is a random word of one request;
    only the owner of a key may write to it.
    """

    async def claim(self, name: KeyName, fingerprint: bytes, owner: str, seconds: float) -> Claimed:
        """Try to become the owner of a key.

        Args:
            name: The key.
            fingerprint: Of the input, which must be that of its first use.
            owner: Names the request.
            seconds: How long the lease is.
        """
        ...

    async def write(self, name: KeyName, owner: str, content: bytes, seconds: float, *, settled: bool) -> bool:
        """Replace what is kept under a key, durably before this returns.

        Args:
            name: The key.
            owner: Who claimed it.
            content: What to keep; if it is empty, and the lease is given back, the key is forgotten.
            seconds: How long the lease is from now on; 0 gives it back.
            settled: Whether all outcomes are known.

        Returns:
            Whether the owner still has the key; nothing is written otherwise.
        """
        ...

    async def extend(self, name: KeyName, owner: str, seconds: float) -> None:
        """Renew the lease of a key, if the owner still has it."""
        ...

    async def close(self) -> None:
        """Close connections and files."""
        ...


AWAY: Final = (
    "The gateway cannot keep the outcome of this request for its idempotency key now, so nothing was sent; send it "
    "again later with the same key."
)


class KeyStoreFaults:
    """Translates the errors of a store's library. Lifetime: that of the store.

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
            IdempotencyUnavailable: The library raised one of `kinds`.
        """
        try:
            yield
        except self._kinds as error:
            # Only the first of many failures is logged.
            if not self._failing:
                self._failing = True
                logger.warning(
                    "%s fails (%s: %s): mutations with idempotency keys are refused.",
                    self._store_name,
                    type(error).__name__,
                    error,
                )
            raise IdempotencyUnavailable(AWAY, retry_after=1.0) from error
        if self._failing:
            self._failing = False
            logger.info("%s is back: idempotency keys are kept again.", self._store_name)
