"""Connections end with their age, so that calls follow a name to the addresses that it has now."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohappyeyeballs import AddrInfoType

from resolvers.upstreams.transport.wire.pool import MAX_AGE_SECONDS, PoolConfig
from resolvers.upstreams.transport.wire.wire import Connections, Wire
from tests.upstreams.transport.wire.certificates import server_context
from tests.upstreams.transport.wire.http_2_server import serving_http_2
from tests.upstreams.transport.wire.talking_server import answering, call_to, serving

NAME = "api.example"


class Names:
    """A resolver whose names have the address that a test says."""

    def __init__(self) -> None:
        self.address = ("127.0.0.1", 0)
        self.asked: list[str] = []

    def lead_to(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = ("127.0.0.1", parts.port or 0)

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfoType]:
        del port
        self.asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", self.address)]


@asynccontextmanager
async def connecting(names: Names, max_age_seconds: float) -> AsyncIterator[Wire]:
    connections = Connections(PoolConfig(max_age_seconds, names.resolve))
    yield Wire(connections)
    await connections.close()


async def send(wire: Wire, url: str = f"http://{NAME}/") -> bytes:
    call = call_to(url)
    call.identity = "own"
    return (await wire.send(call)).body


async def test_a_call_follows_its_name_once_the_connection_is_old() -> None:
    names = Names()
    async with serving(answering(b"old")) as old, serving(answering(b"new")) as new, connecting(names, 0.05) as wire:
        names.lead_to(old.url)
        first = await send(wire)
        names.lead_to(new.url)
        # Its age counts at the end of an answer, between two calls: no call is cut.
        young = await send(wire)
        await asyncio.sleep(0.06)
        last_of_it = await send(wire)
        after = await send(wire)

    assert (first, young, last_of_it, after) == (b"old", b"old", b"old", b"new")
    assert (old.connections, new.connections) == (1, 1)


async def test_a_young_connection_is_kept_whatever_its_name_leads_to() -> None:
    names = Names()
    async with serving(answering(b"old")) as old, connecting(names, MAX_AGE_SECONDS) as wire:
        names.lead_to(old.url)
        for _ in range(20):
            await send(wire)

    assert names.asked == [NAME]


async def test_over_tls_a_new_connection_proves_its_name_as_the_first_did(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    names, tls = Names(), server_context(certificate, "http/1.1")
    url = "https://localhost/"
    async with (
        serving(answering(b"old"), tls) as old,
        serving(answering(b"new"), tls) as new,
        connecting(names, 0.0) as wire,
    ):
        names.lead_to(old.url)
        before = await send(wire, url)
        names.lead_to(new.url)

        assert (before, await send(wire, url)) == (b"old", b"new")


async def test_a_proxy_is_followed_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names()
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    async with serving(answering(b"old")) as old, serving(answering(b"new")) as new, connecting(names, 0.0) as wire:
        names.lead_to(old.url)
        before = await send(wire)
        names.lead_to(new.url)

        assert (before, await send(wire)) == (b"old", b"new")
    assert names.asked == ["proxy.example"] * 2


async def test_httpx_opens_new_connections_once_those_of_an_account_are_old(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for max_age, connections in ((0.0, 3), (MAX_AGE_SECONDS, 1)):
        pools = Connections(PoolConfig(max_age))
        async with serving_http_2(lambda one, request: one.answer(request, b"{}"), certificate) as server:
            for _ in range(3):
                await send(Wire(pools), server.url)
        await pools.close()

        assert len(server.connections) == connections
