"""The wire in both its ways: spoken by ourselves, and by httpx."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from resolvers.upstreams.call import Answer, Call, Transport
from resolvers.upstreams.transport.wire.httpx_wire import HttpxWire
from resolvers.upstreams.transport.wire.wire import Connections, Wire
from tests.upstreams.transport.wire.certificates import write_certificate

MakeWire = Callable[[int], Transport]
"""A wire whose answers have at most so many bytes."""


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops: uvloop serves, the standard one is what everything else here is tested with."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    connections = Connections()
    yield connections
    await connections.close()


@pytest.fixture
def wire(connections: Connections) -> Wire:
    return Wire(connections)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, with its key."""
    return write_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def trusting_connections(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connections]:
    """Connections that trust the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    connections = Connections()
    yield connections
    await connections.close()


@pytest.fixture
def trusting_wire(trusting_connections: Connections) -> Wire:
    """A wire that trusts the certificate."""
    return Wire(trusting_connections)


class ByHttpx:
    """What httpx does with the calls of one account, over HTTP/1.1 where the server speaks that; lives one test."""

    def __init__(self, wire: HttpxWire) -> None:
        self._wire = wire

    def send(self, call: Call) -> Awaitable[Answer]:
        return self._wire.send(call, "own", None)


@pytest.fixture(params=["ours", "httpx"])
def make_wire(request: pytest.FixtureRequest, connections: Connections) -> MakeWire:
    if request.param == "httpx":
        # Loading the certificates takes long on a busy machine, and would count in the timeout of the first call.
        _ = connections.httpx.tls
        return lambda max_bytes: ByHttpx(HttpxWire(connections.httpx, max_answer_bytes=max_bytes))
    return lambda max_bytes: Wire(connections, max_answer_bytes=max_bytes)


@pytest.fixture
def either_wire(make_wire: MakeWire) -> Transport:
    return make_wire(1_000_000)
