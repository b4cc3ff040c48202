"""A client that says over a WebSocket exactly what a test tells it to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

NEW = "graphql-transport-ws"
OLD = "graphql-ws"
PATIENCE_SECONDS = 30
SUBSCRIPTION = "subscription { events { number } }"


class Client:
    """One WebSocket; lives as long as its block."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, kind: str, operation_id: str | None = None, /, **payload: object) -> None:
        message: dict[str, Any] = {"type": kind}
        if operation_id is not None:
            message["id"] = operation_id
        if payload:
            message["payload"] = payload
        await self.connection.send(orjson.dumps(message).decode())

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = orjson.loads(await self.connection.recv())
        return message

    async def closing(self) -> tuple[int, str]:
        """The code and reason of the close frame; what comes before it is dropped."""
        with pytest.raises(ConnectionClosed) as closed:
            await self._hear_all()
        frame = closed.value.rcvd
        assert frame is not None, "the connection was cut without a close frame"
        return frame.code, frame.reason

    async def _hear_all(self) -> None:
        while True:
            await self.connection.recv()


@asynccontextmanager
async def connected(port: int, *protocols: str, headers: dict[str, str] | None = None) -> AsyncIterator[Client]:
    subprotocols = [Subprotocol(protocol) for protocol in protocols] or None
    url = f"ws://127.0.0.1:{port}/graphql"
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        connect(
            url, subprotocols=subprotocols, compression=None, proxy=None, additional_headers=headers, close_timeout=1
        ) as connection,
    ):
        yield Client(connection)


@asynccontextmanager
async def initialized(port: int, protocol: str = NEW, **payload: str) -> AsyncIterator[Client]:
    async with connected(port, protocol) as client:
        await client.say("connection_init", **payload)
        assert await client.hear() == {"type": "connection_ack"}
        yield client
