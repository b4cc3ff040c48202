import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from tests.http.conftest import MAX_BODY_BYTES
from tests.http.schema_operations import SchemaOperations

HEAD = b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
QUERY = b'{"query":"{hello}"}'


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


class Watcher(logging.Filter):
    """Lets every record pass and sets an event at the first one of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = asyncio.Event()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "gateway.http.endpoint":
            self.seen.set()
        return True


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_a_body_in_many_chunks_is_put_together(url: str) -> None:
    async with connected(url) as (reader, writer):
        writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for position in range(0, len(QUERY), 5):
            writer.write(chunk(QUERY[position : position + 5]))
            await writer.drain()
        writer.write(chunk(b""))

        answer = await read_answer(reader)

    assert answer == (200, b'{"data":{"hello":"Hello, world"}}')


async def test_too_large_a_length_is_refused_before_the_body_is_sent(url: str) -> None:
    async with connected(url) as (reader, writer):
        writer.write(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))

        status, body = await read_answer(reader)

    assert status == 413
    assert b'"BAD_INPUT"' in body


async def test_a_stream_over_the_limit_is_refused_and_never_ends_first(url: str) -> None:
    async with connected(url) as (reader, writer):
        writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        writer.write(chunk(b" " * 60_000))
        await writer.drain()
        writer.write(chunk(b" " * 60_000))

        status, body = await read_answer(reader)

    assert status == 413
    assert b'"BAD_INPUT"' in body


async def test_the_connection_still_serves_after_a_refused_body(url: str) -> None:
    async with connected(url) as (reader, writer):
        writer.write(HEAD + b"content-length: %d\r\n\r\n" % (2 * MAX_BODY_BYTES))
        writer.write(b" " * 2 * MAX_BODY_BYTES)
        refused = await read_answer(reader)
        writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(QUERY) + QUERY)

        served = await read_answer(reader)

    assert (refused[0], served[0]) == (413, 200)


@pytest.mark.parametrize("sent", [b"", QUERY[:7]])
async def test_a_client_that_leaves_while_sending_is_one_debug_line_and_nothing_else(
    url: str, operations: SchemaOperations, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    watcher = Watcher()

    with caplog.filtering(watcher):
        async with connected(url) as (_, writer):
            writer.write(HEAD + b"x-request-id: gone-1\r\ncontent-length: %d\r\n\r\n" % len(QUERY) + sent)
            await writer.drain()
        await asyncio.wait_for(watcher.seen.wait(), timeout=5)

    (record,) = [record for record in caplog.records if record.name != "asyncio"]
    assert (record.levelno, record.name) == (logging.DEBUG, "gateway.http.endpoint")
    assert "gone-1" in record.getMessage()
    assert record.exc_info is None
    assert operations.requests == []
