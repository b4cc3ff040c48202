"""Copies bytes from one socket to another, for the proxies of tests."""

import asyncio


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write everything that is read until the stream ends or either side resets it, then close the writer."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        # Reset by one side: closing the writer lets the other notice.
        pass
    finally:
        writer.close()
