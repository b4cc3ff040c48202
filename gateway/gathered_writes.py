"""Sends what is written in one turn of the event loop by one system call."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class GatheringTransport:
    """A transport that collects what it is given until the end of the turn; lives as long as its connection.

    Uvicorn writes the head of a response and its body apart. Each write is a system call and wakes the client, which
    costs more than all that the gateway does for a response from its cache.

    Args:
        inner: The connection's own transport.
    """

    __slots__ = ("_inner", "_loop", "_parts", "is_closing")

    def __init__(self, inner: asyncio.Transport) -> None:
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self.is_closing = inner.is_closing

    def write(self, data: bytes) -> None:
        """Send this soon, together with what else is written now."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Close the connection once all that was written is sent."""
        self._flush()
        self._inner.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transport has
        """All else is the connection's own."""
        return getattr(self._inner, name)

    def _flush(self) -> None:
        parts = self._parts
        if parts:
            self._parts = []
            self._inner.write(parts[0] if len(parts) == 1 else b"".join(parts))


class GatheringHttpProtocol(HttpToolsProtocol):
    """Uvicorn's protocol over such a transport; lives as long as its connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """The event loop says: a client is there."""
        super().connection_made(cast("asyncio.Transport", GatheringTransport(transport)))
