"""What is written in one turn of the event loop leaves in one piece, in order, and nothing is lost on the way."""

import asyncio
import logging

import pytest
from uvicorn.server import ServerState

from gateway.gathered_writes import GatheringTransport
from gateway.serve import server_config
from gateway.settings.loading import load_settings
from tests.cli.tiny_app import create_app


class WrittenTransport(asyncio.Transport):
    """Keeps what is written to it, piece by piece."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 443)})
        self.pieces: list[bytes] = []
        self.written = asyncio.Event()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.pieces.append(bytes(data))
        self.written.set()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def test_what_is_written_in_one_turn_leaves_together() -> None:
    inner = WrittenTransport()
    transport = GatheringTransport(inner)

    transport.write(b"head ")
    transport.write(b"body")
    assert inner.pieces == []
    await asyncio.sleep(0)

    assert inner.pieces == [b"head body"]


async def test_what_is_written_in_another_turn_leaves_apart() -> None:
    inner = WrittenTransport()
    transport = GatheringTransport(inner)

    for piece in (b"one", b"two"):
        transport.write(piece)
        await asyncio.sleep(0)

    assert inner.pieces == [b"one", b"two"]


async def test_what_is_written_before_closing_leaves_first() -> None:
    inner = WrittenTransport()
    transport = GatheringTransport(inner)

    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)

    assert (inner.pieces, inner.closed, transport.is_closing()) == ([b"last words"], True, True)


async def test_all_else_is_the_connections_own() -> None:
    transport = GatheringTransport(WrittenTransport())

    assert transport.get_extra_info("peername") == ("192.0.2.1", 443)


@pytest.fixture
def _log_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server's configuration does to the log of its process is undone."""
    for name in (None, "httpx", "httpcore", "websockets", "uvicorn", "uvicorn.access"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "handlers", logger.handlers[:])
        monkeypatch.setattr(logger, "propagate", logger.propagate)
        monkeypatch.setattr(logger, "level", logger.level)


@pytest.mark.usefixtures("_log_as_before")
async def test_a_response_of_the_server_leaves_in_one_piece() -> None:
    config = server_config(load_settings({"GATEWAY_AUTH__ANONYMOUS": "true"}), create_app())
    config.load()
    protocol = config.http_protocol_class(config=config, server_state=ServerState(), app_state={})  # type: ignore[call-arg]  # uvicorn types it as any protocol
    inner = WrittenTransport()

    protocol.connection_made(inner)
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: gateway.test\r\n\r\n")
    async with asyncio.timeout(10):
        await inner.written.wait()
    protocol.connection_lost(None)

    (response,) = inner.pieces
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n{" in response
