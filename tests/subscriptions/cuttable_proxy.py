"""A TCP proxy whose connections a test can cut, as a phone in a tunnel does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.relay import relay


class CuttableProxy:
    """Copies bytes in both directions. Lifetime: its block.

    Args:
        target: The port to which connections are forwarded.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def cut(self) -> None:
        """Reset every connection, so that neither side sees a close."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy the bytes of one connection to the target and back."""
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, onward_writer}
        await asyncio.gather(relay(reader, onward_writer), relay(onward_reader, writer))


@asynccontextmanager
async def proxying(target: int) -> AsyncIterator[CuttableProxy]:
    """Run a proxy in front of a port."""
    proxy = CuttableProxy(target)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
