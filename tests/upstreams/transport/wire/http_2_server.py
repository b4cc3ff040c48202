"""A server on a socket that speaks HTTP/2 alone, and answers as a test wants, stream by stream."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, WindowUpdated

from tests.relay import relay
from tests.upstreams.transport.wire.certificates import server_context
from tests.upstreams.transport.wire.talking_server import accepting

NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"
"""An alert of TLS (RFC 7301, section 3.2)."""


@dataclass
class Request:
    """A request as it came; lives one test."""

    headers: dict[str, str]
    stream: int
    body: bytearray = field(default_factory=bytearray)


class Http2Connection:
    """One connection to the server; lives until either side ends it.

    Attributes:
        h2: What is said and heard.
        requests: Those that came, in turn.
    """

    def __init__(self, talk: "Talk", writer: asyncio.StreamWriter) -> None:
        self._talk = talk
        self._writer = writer
        self._unsent: dict[int, bytes] = {}
        self.h2 = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
        self.requests: list[Request] = []

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answer until either side ends the connection."""
        self.h2.initiate_connection()
        self.flush()
        while data := await reader.read(65536):
            for event in self.h2.receive_data(data):
                self._receive(event)
            self.flush()

    def answer(self, request: Request, body: bytes, *headers: tuple[str, str], status: str = "200") -> None:
        """Answer a request with all of this, or as much as the client takes for now."""
        self.h2.send_headers(request.stream, [(":status", status), *headers])
        self._unsent[request.stream] = body
        self._send_body(request.stream)
        self.flush()

    def flush(self) -> None:
        """Write what was said."""
        self.write(self.h2.data_to_send())

    def write(self, said: bytes) -> None:
        """Write these bytes as they are."""
        self._writer.write(said)

    def end(self) -> None:
        """End the connection, with nothing said of it."""
        self._writer.close()

    def _receive(self, event: object) -> None:
        if isinstance(event, RequestReceived):
            headers = {name.decode(): value.decode() for name, value in event.headers}
            self.requests.append(Request(headers, event.stream_id))
        elif isinstance(event, DataReceived):
            self._request(event.stream_id).body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self._talk(self, self._request(event.stream_id))
        elif isinstance(event, WindowUpdated):
            for stream in list(self._unsent):
                self._send_body(stream)

    def _request(self, stream: int) -> Request:
        return next(request for request in self.requests if request.stream == stream)

    def _send_body(self, stream: int) -> None:
        while body := self._unsent[stream]:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                return
            self.h2.send_data(stream, body[:room])
            self._unsent[stream] = body[room:]
        del self._unsent[stream]
        self.h2.end_stream(stream)


Talk = Callable[[Http2Connection, Request], None]
"""What the server does with a whole request."""


class Http2Server:
    """A server that speaks HTTP/2 alone; lives one test.

    Attributes:
        url: Where it is.
        connections: Those on which HTTP/2 was spoken.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.url = ""
        self.connections: list[Http2Connection] = []

    @property
    def requests(self) -> list[Request]:
        """All that came."""
        return [request for connection in self.connections for request in connection.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, unless it was opened for HTTP/1.1, or to find out what is spoken."""
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            return
        connection = Http2Connection(self._talk, writer)
        self.connections.append(connection)
        await connection.serve(reader)


@asynccontextmanager
async def serving_http_2(talk: Talk, certificate: Path | ssl.SSLContext) -> AsyncIterator[Http2Server]:
    """A server for as long as the block runs; connections that were only opened and ended are not counted."""
    server = Http2Server(talk)
    tls = certificate if isinstance(certificate, ssl.SSLContext) else server_context(certificate, "h2")
    async with accepting(server.serve, tls) as address:
        server.url = f"https://{address.replace('127.0.0.1', 'localhost')}/"
        yield server
        server.connections = [connection for connection in server.connections if connection.requests]


@asynccontextmanager
async def refusing_http_1(url: str, until: asyncio.Event | None = None) -> AsyncIterator[str]:
    """Something before a server that refuses a handshake without h2 in it by an alert, as most servers do.

    Python's servers choose nothing then. What protocols a client asks for stands readable in its first message.

    Args:
        url: Of the server.
        until: From then on, nothing is answered any more.
    """
    port = int(url.rstrip("/").rpartition(":")[2])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(65536)
        if until is not None and until.is_set():
            await reader.read(-1)
        if b"\x02h2" not in hello:
            writer.write(NO_APPLICATION_PROTOCOL)
            return
        behind, ahead = await asyncio.open_connection("127.0.0.1", port)
        ahead.write(hello)
        await asyncio.gather(relay(reader, ahead), relay(behind, writer))

    async with accepting(serve) as address:
        yield f"https://{address.replace('127.0.0.1', 'localhost')}/"
