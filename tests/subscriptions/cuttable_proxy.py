"""A TCP proxy whose connections a test can cut, as a phone in a tunnel does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CuttableProxy:
    """Passes bytes on in both directions; lives as long as its block.

    Args:
        target: The port that it passes everything on to.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def cut(self) -> None:
        """Reset every connection, so that neither side is told goodbye."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what one connection brings."""
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, onward_writer}
        await asyncio.gather(_pump(reader, onward_writer), _pump(onward_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        # Cut on either side: the other learns of it as well.
        pass
    finally:
        writer.close()


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
