"""Servers on sockets that say whatever a test wants, byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

from resolvers.upstreams.call import Call, Method
from resolvers.upstreams.names import UpstreamName

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class TalkingServer:
    """A server that answers every request in the same words; lives one test.

    Args:
        talk: What it says once it has read the head of a request.

    Attributes:
        url: Where it is.
        heads: The heads of the requests that came, by connection.
        protocols: What each connection agreed on by ALPN.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.url = ""
        self.heads: list[list[bytes]] = []
        self.protocols: list[str | None] = []

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return len(self.heads)

    @property
    def requests(self) -> list[bytes]:
        """The heads of all requests."""
        return [head for heads in self.heads for head in heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk on one connection until either side has enough of it."""
        heads: list[bytes] = []
        self.heads.append(heads)
        tls = writer.get_extra_info("ssl_object")
        self.protocols.append(tls.selected_alpn_protocol() if tls else None)
        try:
            while not writer.is_closing():
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self._talk(reader, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[TalkingServer]:
    """A server that talks so for as long as the block runs."""
    talking = TalkingServer(talk)
    async with accepting(talking.serve, tls) as address:
        talking.url = f"https://{address.replace('127.0.0.1', 'localhost')}/" if tls else f"http://{address}/"
        yield talking


@asynccontextmanager
async def accepting(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that talks so on every connection, from its first moment; answers where it is."""
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(cast("asyncio.Task[None]", asyncio.current_task()))
        with suppress(asyncio.CancelledError, OSError):
            try:
                await talk(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    # An idle connection of httpx is not read, so that it does not notice the end which a server waits for.
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, ssl_shutdown_timeout=0.1 if tls else None)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def saying(*parts: bytes, then_close: bool = False) -> Talk:
    """Say these parts, each in a packet of its own as far as the loop can tell."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if then_close:
            writer.close()

    return talk


def by_turns(*talks: Talk) -> Talk:
    """The first request gets the first talk, the next the next, and all later ones the last."""
    turns = iter(talks)
    last = talks[-1]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(turns, last)(reader, writer)

    return talk


def answering(body: bytes, *headers: str, status: str = "200 OK") -> Talk:
    """A proper answer with a length."""
    return saying(answer(body, *headers, status=status))


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """The bytes of a proper answer with a length."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def call_to(url: str, *, method: Method = "GET", timeout: float = 60.0) -> Call:
    """A call; only a GET may be repeated. Only tests about time set a timeout that a busy machine could exceed."""
    call = Call(UpstreamName.SMS, "read", method, url, deadline=0, repeatable=method == "GET")
    call.timeout = timeout
    return call
