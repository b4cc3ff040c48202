"""A SOCKS 5 proxy on a socket (RFC 1928), which connects to this machine's loopback, whatever host it is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.relay import relay
from tests.upstreams.transport.wire.talking_server import accepting

SUCCEEDED = b"\x00"
REFUSED = b"\x05"


@asynccontextmanager
async def socks(outcome: bytes = SUCCEEDED) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy for as long as the block runs; answers where it is, and the hosts that it is asked for."""
    hosts: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        *_, length = await reader.readexactly(5)
        hosts.append(await reader.readexactly(length))
        port = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(b"\x05" + outcome + b"\x00\x01" + bytes(6))
        if outcome == SUCCEEDED:
            behind, ahead = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(relay(reader, ahead), relay(behind, writer))

    async with accepting(serve) as address:
        yield address, hosts
