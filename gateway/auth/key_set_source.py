"""Fetches an issuer's key set over HTTP."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

import httpx

from gateway.auth.key_set import FetchKeySet, KeySetUnreadable
from resolvers.upstreams.transport.wire.origin import is_loopback
from resolvers.upstreams.transport.wire.reasons import connection_reason

TIMEOUT_SECONDS: Final = 5.0
"""What a fetch may take in all, an answer that comes byte by byte included."""

MAX_BYTES: Final = 1024 * 1024


def key_set_source(url: str, seconds: float = TIMEOUT_SECONDS) -> FetchKeySet:
    """A function that fetches the key set at a URL, each time over a connection of its own: it happens once an hour.

    Args:
        url: Where the issuer publishes its keys; a redirect is not followed, for it could lead anywhere.
        seconds: What a fetch may take in all.
    """
    parts = urlsplit(url)
    # No proxy reaches a key set on this machine's own loopback.
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
            raise KeySetUnreadable(f"{url} did not answer properly: {_reason(error)}") from None

    return fetch


def _reason(error: httpx.HTTPError) -> str:
    """What the operator can mend, where a cause tells it; else the kind of the error."""
    cause: BaseException | None = error
    while cause is not None:
        reason = connection_reason(cause) if isinstance(cause, OSError) else None
        if reason is not None:
            return reason
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


async def _read(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        raise KeySetUnreadable(f"{response.url} answered {response.status_code}")
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_BYTES:
            raise KeySetUnreadable(f"{response.url} answered with more than {MAX_BYTES} bytes")
    return bytes(body)
