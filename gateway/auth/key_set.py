"""The public keys that an issuer signs its tokens with: kept, and fetched again when it has begun to use another."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from resolvers.errors import Unauthenticated

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS: Final = 3600.0
"""How long keys are used before they are fetched again: a key that the issuer has withdrawn counts no longer."""

PAUSE_SECONDS: Final = 10.0
"""Between two fetches: tokens that name made-up keys must not make the gateway hammer the issuer."""

_PUBLIC_KINDS: Final = frozenset({"RSA", "EC", "OKP"})
"""A symmetric key has no place among public ones: whoever can read it can sign."""


class KeySetUnreadable(Exception):
    """The keys could not be fetched, or are none."""


class KeysUnavailable(Unauthenticated):
    """A token cannot be checked because its issuer's keys cannot be had; the caller may be right."""

    retryable = True


FetchKeySet = Callable[[], Awaitable[bytes]]


class _JsonWebKeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


_decode = msgspec.json.Decoder(_JsonWebKeySet).decode


class KeySet:
    """The keys of one issuer; lives as long as its process.

    Args:
        fetch: Gets the set as its issuer publishes it (RFC 7517); raises KeySetUnreadable.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, fetch: FetchKeySet, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._published: Mapping[str | None, dict[str, Any]] = {}
        self._built: dict[tuple[str | None, str], PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """The key of this id, for this algorithm; None where the issuer has none.

        Args:
            key_id: The `kid` of a token; None finds the only key of a set, if it has no id either.
            algorithm: One that the operator has allowed.

        Raises:
            KeysUnavailable: no key could be fetched so far.
        """
        if self._clock() - self._fetched_at > MAX_AGE_SECONDS or key_id not in self._published:
            await self._refresh()
        if not self._published:
            raise KeysUnavailable(
                "The token cannot be checked: the keys of its issuer are out of reach; try again later.",
                retry_after=PAUSE_SECONDS,
            )
        return self._build(key_id, algorithm)

    async def _refresh(self) -> None:
        """Fetch the keys, once for all who ask at the same time and not again at once."""
        if self._fetching is None:
            if self._clock() - self._tried_at < PAUSE_SECONDS:
                return
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch_and_keep())
        await asyncio.shield(self._fetching)

    async def _fetch_and_keep(self) -> None:
        try:
            self._published = _published(await self._fetch())
            self._built.clear()
            self._fetched_at = self._clock()
        except KeySetUnreadable as error:
            logger.warning("The keys of the token issuer could not be fetched: %s", error)
        finally:
            self._fetching = None

    def _build(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        place = (key_id, algorithm)
        if place not in self._built:
            published = self._published.get(key_id)
            if published is None or published.get("alg", algorithm) != algorithm:
                return None
            try:
                self._built[place] = PyJWK(published, algorithm)
            except PyJWTError:
                return None
        return self._built[place]


def _published(body: bytes) -> dict[str | None, dict[str, Any]]:
    try:
        keys = _decode(body).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise KeySetUnreadable("the answer is no JSON Web Key Set") from None
    found = {key.get("kid"): key for key in keys if _verifies(key)}
    if not found:
        raise KeySetUnreadable("the set holds no public key for signatures")
    return found


def _verifies(key: Mapping[str, Any]) -> bool:
    return key.get("kty") in _PUBLIC_KINDS and key.get("use", "sig") == "sig" and isinstance(key.get("kid"), str | None)
