"""Compress typical responses at each level that is worth a look, and print sizes and CPU times as a Markdown table.

    python benchmarks/compression.py

The responses are those of the measured operations, whose static upstreams repeat themselves, and lists of deliveries
that differ in each of their fields. Sizes hold for every machine; CPU times are medians of one machine at one time.
"""

import asyncio
import statistics
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Final

import brotli  # type: ignore[import-untyped]  # it has no annotations
import orjson
from measuring.gateway import running_gateway
from measuring.load import Connection
from measuring.operations import WORKLOADS
from measuring.upstream import static_upstream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Compress = Callable[[bytes], bytes]

LENGTHS: Final = (20, 100, 6000)
"""Deliveries in the lists that do not repeat themselves."""

ROUNDS: Final = 31


def main() -> None:
    """Measure and print."""
    responses = asyncio.run(_responses())
    print(_row("coding", *(f"{name}: {len(body):,} bytes" for name, body in responses.items())))
    print(_row("---", *("---:" for _ in responses)))
    for name, compress in _codings():
        print(_row(name, *(_measured(compress, body) for body in responses.values())))


async def _responses() -> dict[str, bytes]:
    with static_upstream(100) as upstream, running_gateway(upstream, "hot") as gateway:
        connection = Connection(gateway.port)
        found = {one.name: (await connection.post(one.bodies(1)[0])).body for one in WORKLOADS}
        await connection.close()
    return {**found, **{f"{length:,} deliveries": _deliveries(length) for length in LENGTHS}}


def _deliveries(length: int) -> bytes:
    chance = Random(length)  # noqa: S311 - no secret
    nodes = [
        {
            "id": f"Delivery:{chance.randrange(10**6)}",
            "deliverable": chance.random() < 0.5,
            "type": chance.choice(["PICKUP", "DELIVER"]),
            "status": chance.choice(["PENDING", "PROCESSING", "DONE"]),
            "priority": chance.randrange(10),
            "createdAt": datetime.fromtimestamp(1.7e9 + chance.randrange(10**7), UTC).isoformat(),
        }
        for _ in range(length)
    ]
    return orjson.dumps({"data": {"deliveries": {"nodes": nodes}}})


def _codings() -> Iterator[tuple[str, Compress]]:
    for level in (1, 3, 6, 9):
        yield f"gzip {level}", lambda body, level=level: zlib.compress(body, level, 31)
    for quality in (1, 3, 4, 5, 9):
        yield f"br {quality}", lambda body, quality=quality: brotli.compress(body, quality=quality)
    for level in (1, 3, 6, 9):
        yield f"zstd {level}", lambda body, level=level: zstd.compress(body, level)


def _measured(compress: Compress, body: bytes) -> str:
    seconds = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        compressed = compress(body)
        seconds.append(time.thread_time() - began)
    return f"{len(compressed):,} in {statistics.median(seconds) * 1e6:,.0f} us"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
