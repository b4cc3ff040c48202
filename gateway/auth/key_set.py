"""The public keys of a token issuer.

Theory of operation
-------------------
The set is fetched when a token first needs it and cached. There is at most one fetch at a time, which all callers
share, and at least `PAUSE_SECONDS` between two::

    key known, set younger than MAX_AGE_SECONDS    return it
    key known, set older                           return it, fetch in the background
    key unknown                                    fetch, then look again
    set unused for IDLE_SECONDS                    fetch first: keys may have been withdrawn
    fetch failed                                   keep the old set; without any, KeysUnavailable
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from resolvers.errors import Unauthenticated
from resolvers.upstreams.transport.wire.failures import chained_reason
from resolvers.upstreams.transport.wire.origin import is_loopback

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS: Final = 3600.0
"""Age at which keys are fetched again, so that withdrawn ones are dropped."""

IDLE_SECONDS: Final = 86_400.0
"""Time without use after which keys are fetched before they are used again."""

PAUSE_SECONDS: Final = 10.0
"""Least time between two fetches, so that tokens with invented key ids do not flood the issuer."""

_PUBLIC_KINDS: Final = frozenset({"RSA", "EC", "OKP"})
"""No symmetric kinds: anyone who can read a published key could sign with it."""

_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_KINDS: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""The kind of key by the first letters of the algorithm (RFC 7518, 3.1; RFC 8037, 3.1)."""


class KeySetUnreadable(Exception):
    """The keys could not be fetched, or are not a key set."""


class KeysUnavailable(Unauthenticated):
    """A token cannot be verified because its issuer's keys cannot be fetched; the token may be valid."""

    retryable = True


FetchKeySet = Callable[[], Awaitable[bytes]]


class _JsonWebKeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


_decode = msgspec.json.Decoder(_JsonWebKeySet).decode


class KeySet:
    """Fetches and caches the keys of one issuer; process lifetime.

    Args:
        fetch: Fetches the published set (RFC 7517); raises KeySetUnreadable.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, fetch: FetchKeySet, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._published: Sequence[Mapping[str, Any]] = ()
        self._built: dict[tuple[str | None, str], PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching: asyncio.Task[str | None] | None = None

    async def key(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """Return the key with this id for this algorithm; None if the issuer has none.

        A known key is returned at once; if its set is due, it is fetched in the background.

        Args:
            key_id: The token's `kid`; None finds the only key that fits the algorithm.
            algorithm: An allowed algorithm.

        Raises:
            KeysUnavailable: No key could be fetched so far.
        """
        now = self._clock()
        if now - self._tried_at > IDLE_SECONDS:
            await self._refreshed()
        elif now - self._fetched_at > MAX_AGE_SECONDS:
            self._refresh()
        key = self._find(key_id, algorithm)
        if key is None:
            # The issuer may have begun to sign with a new key since the last fetch.
            await self._refreshed()
            key = self._find(key_id, algorithm)
        if not self._published:
            raise KeysUnavailable(
                "Try again later: the keys of the token's issuer are out of reach, so the token cannot be checked.",
                retry_after=PAUSE_SECONDS,
            )
        return key

    async def renew(self) -> str | None:
        """Fetch the set now, whatever its age, and return why that failed; the known keys then stay."""
        # A fetch that runs may have begun before the issuer changed what the operator wants to have fetched.
        if self._fetching is not None:
            await asyncio.shield(self._fetching)
        self._tried_at = float("-inf")
        self._refresh()
        return None if self._fetching is None else await asyncio.shield(self._fetching)

    async def _refreshed(self) -> None:
        self._refresh()
        if self._fetching is not None:
            # Shielded, because all callers share the fetch: one that is cancelled must not end it for the others.
            await asyncio.shield(self._fetching)

    def _refresh(self) -> None:
        """Start to fetch the keys, unless a fetch is running or was tried a moment ago."""
        now = self._clock()
        if self._fetching is None and now - self._tried_at >= PAUSE_SECONDS:
            # Noted before the fetch, so that a failure is not repeated at once either.
            self._tried_at = now
            self._fetching = asyncio.create_task(self._fetch_and_keep())

    async def _fetch_and_keep(self) -> str | None:
        try:
            self._published = _published(await self._fetch())
            self._built.clear()
            self._fetched_at = self._clock()
        except KeySetUnreadable as error:
            logger.warning("The keys of the token issuer could not be fetched: %s", error)
            return str(error)
        else:
            return None
        finally:
            self._fetching = None

    def _find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        place = (key_id, algorithm)
        if place not in self._built:
            fitting = [key for key in self._published if _fits(key, key_id, algorithm)]
            # Without an id, choosing among several would be a guess.
            if not fitting or (key_id is None and len(fitting) > 1):
                return None
            try:
                self._built[place] = PyJWK(dict(fitting[0]), algorithm)
            except PyJWTError:
                return None
        return self._built[place]


def _published(body: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        keys = _decode(body).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise KeySetUnreadable("the answer is no JSON Web Key Set") from None
    # The others are left out and do not fail the set (RFC 7517, 5).
    found = [key for key in keys if _verifies(key)]
    if not found:
        raise KeySetUnreadable("the set holds no public key for signatures")
    return found


def _fits(key: Mapping[str, Any], key_id: str | None, algorithm: str) -> bool:
    """Whether a key has the wanted id, and the kind and curve of the algorithm."""
    return (
        (key_id is None or key.get("kid") == key_id)
        and key.get("alg", algorithm) == algorithm
        and key["kty"] == _KINDS.get(algorithm[:2])
        # Where the algorithm has not one curve (EdDSA has two, RSA none), any is right.
        and key.get("crv") == _CURVES.get(algorithm, key.get("crv"))
    )


def _verifies(key: Mapping[str, Any]) -> bool:
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("kty") in _PUBLIC_KINDS
        and key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and isinstance(key.get("kid"), str | None)
    )


TIMEOUT_SECONDS: Final = 5.0
"""Time limit of one fetch, including a response that arrives byte by byte."""

MAX_BYTES: Final = 1024 * 1024


def key_set_source(url: str, seconds: float = TIMEOUT_SECONDS) -> FetchKeySet:
    """Return a function that fetches the key set at a URL, over a new connection each time, as it happens once an hour.

    Args:
        url: The URL of the issuer's keys; redirects are not followed, since they could lead anywhere.
        seconds: Time limit of one fetch.
    """
    parts = urlsplit(url)
    # A proxy cannot reach this machine's own loopback.
    mounts = {f"{parts.scheme}://{parts.netloc}": None} if is_loopback(parts.hostname or "") else {}

    async def fetch() -> bytes:
        try:
            async with (
                asyncio.timeout(seconds),
                httpx.AsyncClient(timeout=seconds, follow_redirects=False, mounts=mounts) as client,
                client.stream("GET", url, headers={"accept": "application/json"}) as response,
            ):
                return await _read(response)
        except TimeoutError:
            raise KeySetUnreadable(f"{url} did not answer within {seconds:g} s") from None
        except httpx.HTTPError as error:
            raise KeySetUnreadable(
                f"{url} did not answer properly: {chained_reason(error) or type(error).__name__}"
            ) from None

    return fetch


async def _read(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        raise KeySetUnreadable(f"{response.url} answered {response.status_code}")
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_BYTES:
            raise KeySetUnreadable(f"{response.url} answered with more than {MAX_BYTES} bytes")
    return bytes(body)
