"""The public clients of each protocol (npm), in a Node process of their own."""

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from resolvers.errors import BadInput
from tests.node_packages import install
from tests.subscriptions.cuttable_proxy import proxying
from tests.subscriptions.feed import Event, Feed, Source

CLIENTS = Path(__file__).parent / "node"
NEWER = ["graphql-ws", "graphql-sse"]
ALL = [*NEWER, "subscriptions-transport-ws"]


class NodeClient:
    """A running client; lives as long as its block."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._lines = process.stdout

    async def hear(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self._lines.readline(), 30)
        heard: dict[str, Any] = orjson.loads(line)
        return heard

    async def hear_event(self) -> dict[str, Any]:
        """The next thing that is not about the connection."""
        while "closed" in (heard := await self.hear()):
            pass
        return heard


@asynccontextmanager
async def subscribed(node: str, transport: str, port: int, *arguments: str) -> AsyncIterator[NodeClient]:
    await install(CLIENTS)
    command = (node, "client.mjs", transport, str(port), *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=CLIENTS, stdout=PIPE)
    try:
        yield NodeClient(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def heard_of(event: Event) -> dict[str, Any]:
    return {"next": {"data": {"events": {"number": event.number, "cursor": event.cursor}}}}


async def next_source(feed: Feed) -> Source:
    return await asyncio.wait_for(feed.opened.get(), 30)


@pytest.mark.parametrize("transport", ALL)
async def test_a_client_hears_every_event_and_the_end(port: int, feed: Feed, node: str, transport: str) -> None:
    events = [Event(number, f"c{number}") for number in range(1, 4)]
    async with subscribed(node, transport, port) as client:
        source = await next_source(feed)
        for event in events:
            source.events.put_nowait(event)
        source.events.put_nowait(None)

        assert [await client.hear() for _ in events] == [heard_of(event) for event in events]
        assert await client.hear() == {"complete": True}


@pytest.mark.parametrize("transport", ALL)
async def test_after_a_cut_a_client_goes_on_from_its_last_cursor(
    port: int, feed: Feed, node: str, transport: str
) -> None:
    async with proxying(port) as proxy, subscribed(node, transport, proxy.port) as client:
        first = await next_source(feed)
        first.events.put_nowait(Event(1, "c1"))
        assert await client.hear() == heard_of(Event(1, "c1"))
        proxy.cut()
        second = await next_source(feed)
        second.events.put_nowait(Event(2, "c2"))
        heard = await client.hear_event()

    assert (first.after, second.after) == (None, "c1")
    assert heard == heard_of(Event(2, "c2"))


@pytest.mark.parametrize("transport", NEWER)
async def test_a_source_that_refuses_is_told_to_the_application(
    port: int, feed: Feed, node: str, transport: str
) -> None:
    async with subscribed(node, transport, port) as client:
        (await next_source(feed)).events.put_nowait(BadInput("The log was rebuilt.", path=["after"]))

        assert "The log was rebuilt." in str(await client.hear())
