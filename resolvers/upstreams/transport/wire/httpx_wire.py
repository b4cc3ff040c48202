"""Calls that httpx sends: to origins that speak HTTP/2 alone, and through proxies spoken to over TLS or SOCKS.

Its errors become ours here and nowhere else. The transport below its client is used, where there are no cookies,
redirects, decompression and environment variables to be turned off.
"""

import asyncio
import re
from typing import Any, Final, Protocol

import httpx
from h2.exceptions import H2Error

from resolvers.upstreams.call import Answer, Call, HeaderField
from resolvers.upstreams.transport.wire.content_coding import Undecodable, decoded
from resolvers.upstreams.transport.wire.failures import (
    Broken,
    Late,
    TooLong,
    Unparsable,
    Unreached,
    translated,
    unsendable,
)
from resolvers.upstreams.transport.wire.httpx_pools import HttpxPools
from resolvers.upstreams.transport.wire.kept_fields import KEPT_FIELDS
from resolvers.upstreams.transport.wire.origin import split
from resolvers.upstreams.transport.wire.proxy import refusal
from resolvers.upstreams.transport.wire.reasons import chained_reason
from resolvers.upstreams.transport.wire.request_head import Unsendable, check_target, checked_fields
from resolvers.upstreams.transport.wire.socket_state import is_end_true

_RAISED: Final = (httpx.HTTPError, H2Error, OSError, ValueError, ExceptionGroup, TooLong, Broken)
"""What is raised by httpx, what it lets through (of HTTP/2, TLS, statuses that are no numbers), and by us."""

_ENDED: Final = re.compile(r"disconnected|peer closed|StreamReset|ConnectionTerminated")
"""What it says where the other side ended an answer, by the class that it has for what is no HTTP as well."""

_BODILESS: Final = frozenset({204, 304})


class _Stream(Protocol):
    """A connection as httpx has it, before TLS."""

    async def aclose(self) -> None: ...


class HttpxWire:
    """Sends a call once, by httpx; process lifetime.

    Args:
        pools: Shared with the other upstreams.
        max_answer_bytes: How long a decompressed body may be.
    """

    def __init__(self, pools: HttpxPools, *, max_answer_bytes: int) -> None:
        self._pools = pools
        self._max_answer_bytes = max_answer_bytes

    async def send(self, call: Call, account: str | None, proxy: str | None) -> Answer:
        """Send the call and read the whole answer, whatever its status.

        Args:
            call: What is asked.
            account: Whose connections may carry it; None for one that carries nothing else.
            proxy: The URL of the proxy before the origin.

        Raises:
            UpstreamError: there is no answer.
        """
        exchange = _HttpxExchange(call, self._max_answer_bytes)
        call.tries += 1
        try:
            async with asyncio.timeout(call.timeout), self._pools.lend(account, proxy) as transport:
                return await exchange.carry(transport)
        except _RAISED as error:
            failure = exchange.failure(error)
            raise translated(call, failure, self._max_answer_bytes) from error


class _HttpxExchange:
    """One request and its answer.

    Args:
        call: What is asked.
        most_bytes: How long the answer's body may be, as it comes and decompressed.
    """

    def __init__(self, call: Call, most_bytes: int) -> None:
        self._request = _request(call)
        self._request.extensions["trace"] = self._note
        self._most_bytes = most_bytes
        self._is_sent = False
        self._connecting: _Stream | None = None

    async def carry(self, transport: httpx.AsyncHTTPTransport) -> Answer:
        """Send the request and read the answer.

        Raises:
            TooLong: its body is longer than allowed.
            Undecodable: it is not compressed as it says.
            Broken: it was cut where it told no length.
        """
        try:
            response = await transport.handle_async_request(self._request)
        except BaseException:
            # Where the time is up during a handshake, httpx forgets the connection and leaves it open.
            if self._connecting is not None:
                await self._connecting.aclose()
            raise
        try:
            body = await self._read(response)
            if not _is_whole(response):
                raise Broken
        finally:
            await response.aclose()
        headers = _kept(response)
        body = decoded(body, headers.get("content-encoding", ""), self._most_bytes)
        if len(body) > self._most_bytes:
            raise TooLong
        return Answer(response.status_code, headers, body)

    def failure(self, error: Exception) -> Exception:
        """What we call an error of httpx.

        Args:
            error: As it was raised.
        """
        if isinstance(error, TooLong | Undecodable | Broken):
            return error
        is_late = isinstance(error, TimeoutError | httpx.TimeoutException)
        reason = refusal(str(error)) if isinstance(error, httpx.ProxyError) else chained_reason(error)
        if not self._is_sent:
            return Unreached(reason, late=is_late)
        if is_late:
            return Late()
        is_wrong = isinstance(error, httpx.ProtocolError | httpx.DecodingError | H2Error | ValueError)
        return Unparsable() if is_wrong and not _ENDED.search(str(error)) else Broken(reason)

    async def _read(self, response: httpx.Response) -> bytes:
        parts, length = [], 0
        async for part in response.aiter_raw():
            parts.append(part)
            length += len(part)
            if length > self._most_bytes:
                raise TooLong
        return b"".join(parts)

    async def _note(self, event: str, info: dict[str, Any]) -> None:
        """Note how far it is: httpx's errors tell neither whether the request went out, nor what is still open."""
        if event.endswith(".connect_tcp.complete"):
            self._connecting = info["return_value"]
        elif event.endswith(".start_tls.complete"):
            self._connecting = None
        elif event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self._is_sent = True
            self._connecting = None


def _request(call: Call) -> httpx.Request:
    try:
        check_target(split(call.url)[1])
        fields = checked_fields(call.headers, call.authorization)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in fields]
        return httpx.Request(call.method, call.url, headers=headers, content=call.body)
    except (Unsendable, httpx.InvalidURL):
        raise unsendable(call) from None


def _kept(response: httpx.Response) -> dict[HeaderField, str]:
    headers: dict[HeaderField, str] = {}
    for name, value in response.headers.raw:
        key = KEPT_FIELDS[name]
        if key is not None:
            text = value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _is_whole(response: httpx.Response) -> bool:
    """Whether the other side ended the answer: where that has no length, anybody on the way may have cut it."""
    is_told = response.http_version == "HTTP/2" or response.status_code in _BODILESS
    if is_told or "content-length" in response.headers or "transfer-encoding" in response.headers:
        return True
    return is_end_true(response.extensions["network_stream"].get_extra_info("ssl_object"))
