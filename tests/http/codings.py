"""Decoders of the content codings, as clients have them."""

import gzip
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import brotli  # type: ignore[import-untyped]  # it has no annotations

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECODE: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}
"""Whole bodies, by coding."""


def decoder(coding: str) -> Callable[[bytes], bytes]:
    """Return what decodes a stream piece by piece."""
    return (
        zlib.decompressobj(zlib.MAX_WBITS | 16).decompress if coding == "gzip" else zstd.ZstdDecompressor().decompress
    )
