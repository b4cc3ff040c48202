"""Compresses responses: whole ones, and the parts of streamed ones.

Theory of operation
-------------------
::

    Accept-Encoding -> coding_negotiator -> AcceptedCoding, remembered by the header's value
    reply of min_bytes or more --+-- its coding is in `Reply.compressed` ------------------> sent as it is
                                 +-- up to AT_ONCE bytes: compressed here, kept there -----> sent
                                 `-- more: compressed in a thread, once for all who wait --> sent

The codings are in the order of bytes and CPU time on the gateway's responses (docs/performance.md). A stream has a
compressor of its own for as long as it is open, so that the window, and with it memory, is small there; that of brotli
cannot be made small enough for thousands of streams.
"""

import asyncio
import sys
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]  # it has no annotations
import msgspec

from gateway.http.negotiation import GZIP, AcceptedCoding, coding_negotiator
from gateway.http.request import Headers
from gateway.operations.request import CompressedBodies, Header, Reply
from gateway.settings.model import Settings

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BROTLI: Final = b"br"
ZSTD: Final = b"zstd"

AT_ONCE: Final = 64 * 1024
"""Bytes that are compressed in the event loop, in less than a millisecond; more are compressed in a thread."""

_THREADS: Final = 2
_ZSTD_LEVEL: Final = 1
_BROTLI_QUALITY: Final = 3
_GZIP_LEVEL: Final = 3
_GZIP_FORMAT: Final = 16
"""Added to zlib's logarithm of the window's size for a gzip header and trailer."""

_STREAM_WINDOW: Final = 12
"""Logarithm of the bytes that a compressed stream can refer back to: the last dozen events."""

_STREAM_TABLE: Final = 10
_STREAM_MEMORY: Final = 5
"""With this window a stream takes 30 KiB by gzip and 50 KiB by zstd."""


def _zstd(body: bytes) -> bytes:
    return zstd.compress(body, _ZSTD_LEVEL)


def _brotli(body: bytes) -> bytes:
    compressed: bytes = brotli.compress(body, quality=_BROTLI_QUALITY)
    return compressed


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, _GZIP_LEVEL, _GZIP_FORMAT + zlib.MAX_WBITS)


_COMPRESS: Final[Mapping[bytes, Callable[[bytes], bytes]]] = {ZSTD: _zstd, BROTLI: _brotli, GZIP: _gzip}
CODINGS: Final = tuple(_COMPRESS)
"""The codings of whole responses, the preferred one first."""

CONTENT_ENCODING: Final[Mapping[bytes, Header]] = {name: (b"content-encoding", name) for name in CODINGS}
"""The header of a compressed response, by coding."""


class CodedBytes(msgspec.Struct):
    """Bytes of the responses that were sent in one coding; process lifetime.

    Args:
        plain: Before compression.
        compressed: After it.
    """

    plain: int = 0
    compressed: int = 0

    def add(self, plain: int, compressed: int) -> None:
        """Count a response, or a part of one."""
        self.plain += plain
        self.compressed += compressed


class _Stream(Protocol):
    def part(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class _GzipStream:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT + _STREAM_WINDOW, _STREAM_MEMORY)

    def part(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._stream.flush()


class _ZstdStream:
    def __init__(self) -> None:
        parameter = zstd.CompressionParameter
        options: dict[int, int] = {
            parameter.compression_level: _ZSTD_LEVEL,
            parameter.window_log: _STREAM_WINDOW,
            parameter.hash_log: _STREAM_TABLE,
            parameter.chain_log: _STREAM_TABLE,
        }
        self._stream = zstd.ZstdCompressor(options=options)

    def part(self, data: bytes) -> bytes:
        return self._stream.compress(data, mode=zstd.ZstdCompressor.FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._stream.flush()


_STREAMS: Final[Mapping[bytes, Callable[[], _Stream]]] = {GZIP: _GzipStream, ZSTD: _ZstdStream}


class StreamCompressor:
    """Compresses the parts of one streamed response; response lifetime.

    Args:
        stream: The compressor.
        sent: Counts the bytes.
    """

    def __init__(self, stream: _Stream, sent: CodedBytes) -> None:
        self._stream = stream
        self._sent = sent

    def part(self, data: bytes) -> bytes:
        """Return the bytes with which a client can decode all data up to the end of this."""
        compressed = self._stream.part(data)
        self._sent.add(len(data), len(compressed))
        return compressed

    def end(self) -> bytes:
        """Return the end of the compressed stream."""
        return self._stream.end()


class CompressionConfig(msgspec.Struct, frozen=True):
    """Settings of compression.

    Attributes:
        min_bytes: Smaller responses are sent without a coding, unless their client refuses that.
        streams: Whether streamed responses are compressed.
    """

    min_bytes: int = 1024
    streams: bool = True


class Compression:
    """Compresses responses as their clients accept it; process lifetime.

    Args:
        config: Settings.

    Attributes:
        sent: The bytes of compressed responses, by coding.
    """

    def __init__(self, config: CompressionConfig) -> None:
        self._config = config
        self._negotiate = coding_negotiator(CODINGS)
        self._negotiate_stream = coding_negotiator(tuple(_STREAMS))
        # Of its own, because name lookups wait for the threads of the event loop.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="compression")
        self.sent = {name: CodedBytes() for name in CODINGS}

    def coding_of(self, headers: Headers) -> AcceptedCoding | None:
        """Return the coding that the client prefers; None for none.

        Args:
            headers: The request's headers.

        Raises:
            NotAcceptable: The client accepts no form of a response.
        """
        accepted = headers.get(b"accept-encoding")
        return None if accepted is None else self._negotiate(accepted)

    def stream_coding_of(self, headers: Headers) -> bytes | None:
        """Return the coding of a stream that the client prefers; see `coding_of`."""
        accepted = headers.get(b"accept-encoding")
        if accepted is None or not self._config.streams:
            return None
        coding = self._negotiate_stream(accepted)
        return None if coding is None else coding.name

    def applies(self, coding: AcceptedCoding, size: int) -> bool:
        """Return whether a response of this many bytes is compressed."""
        return size >= self._config.min_bytes or (coding.required and size > 0)

    async def compressed(self, reply: Reply, coding: bytes) -> Reply:
        """Return the reply with its body in this coding."""
        kept = reply.compressed
        body = None if kept is None else kept.bodies.get(coding)
        if body is None:
            body = await self._body(reply.body, coding, kept or CompressedBodies())
        self.sent[coding].add(len(reply.body), len(body))
        return msgspec.structs.replace(reply, body=body, headers=(*reply.headers, CONTENT_ENCODING[coding]))

    def stream(self, coding: bytes) -> StreamCompressor:
        """Return a compressor for the parts of one response."""
        return StreamCompressor(_STREAMS[coding](), self.sent[coding])

    async def _body(self, plain: bytes, coding: bytes, kept: CompressedBodies) -> bytes:
        if len(plain) <= AT_ONCE:
            body = _COMPRESS[coding](plain)
            kept.keep(coding, body)
            return body
        running = kept.running.get(coding)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(self._threads, _COMPRESS[coding], plain)
            kept.running[coding] = running
            running.add_done_callback(lambda done: kept.finished(coding, done))
        # Shielded, because others wait for it too.
        return await asyncio.shield(running)


def build_compression(settings: Settings) -> Compression | None:
    """Return what compresses responses; None where the settings switch it off."""
    config = settings.compression
    return Compression(CompressionConfig(config.min_bytes, config.streams)) if config.enabled else None
