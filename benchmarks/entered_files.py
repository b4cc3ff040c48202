"""Count the source files that one query enters when nothing is cached, and print the counts as a Markdown table.

    python benchmarks/entered_files.py           the counts
    python benchmarks/entered_files.py --names   also the names of the files

The gateway runs in this process as `gateway serve` configures it, over static upstreams, with caches and sharing off. A
file is entered if any of its functions runs in the event loop's thread between a request and its response. The first
request of a document also validates and compiles it and connects to the upstreams; the count of a later one is lower.
"""

import argparse
import asyncio
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
import uvloop
from measuring.gateway import MODES
from measuring.operations import WORKLOADS, Workload
from measuring.processes import BENCHMARKS
from measuring.upstream import Upstream, static_upstream

from gateway.app import create_app
from gateway.commands.serve import listen, server_config
from gateway.settings.loading import load_settings

_ROOT: Final = BENCHMARKS.parent
_PACKAGES: Final = ("gateway", "schema", "resolvers")
_FIRST: Final = b'{"query": "{ __typename }"}'


@dataclass(frozen=True)
class Entered:
    """The source files that a workload enters, by paths below the root of the project.

    Args:
        workload: The operation.
        first: The files of the first request of the document.
        later: The files of a later request, with other variables.
    """

    workload: Workload
    first: frozenset[str]
    later: frozenset[str]


def main() -> None:
    """Count the files of each workload."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", action="store_true", help="also print the names of the files")
    arguments = parser.parse_args()
    with static_upstream() as upstream:
        counted = uvloop.run(_count(upstream))
    print(_table(counted))
    if arguments.names:
        for one in counted:
            print("\n".join([f"\n{one.workload.name}, later:", *sorted(one.later)]))


def source_files() -> frozenset[str]:
    """Return the source files of the gateway by their paths below the root, without `__init__.py`."""
    files = (file for package in _PACKAGES for file in (_ROOT / package).rglob("*.py"))
    return frozenset(str(file.relative_to(_ROOT)) for file in files if file.name != "__init__.py")


async def _count(upstream: Upstream) -> list[Entered]:
    sources = source_files()
    async with _serving({**upstream.gateway_settings, **MODES["cold"]}) as port:
        counted = []
        for workload in WORKLOADS:
            requests = [await _entered(port, workload, body) & sources for body in workload.bodies(3)]
            counted.append(Entered(workload, requests[0], requests[-1]))
        return counted


@asynccontextmanager
async def _serving(environment: dict[str, str]) -> AsyncIterator[int]:
    settings = load_settings(environment)
    server = uvicorn.Server(server_config(settings, create_app(settings)))
    listener = listen("127.0.0.1", 0)
    running = asyncio.create_task(server.serve([listener]))
    port = listener.getsockname()[1]
    # The socket is listening already: this request is answered once the server has started.
    await asyncio.to_thread(_post, port, _FIRST)
    try:
        yield port
    finally:
        server.should_exit = True
        await running


async def _entered(port: int, workload: Workload, body: bytes) -> frozenset[str]:
    with _noting_files() as files:
        # The client's own thread is not profiled.
        answer = await asyncio.to_thread(_post, port, body)
    if not workload.is_whole(answer):
        raise SystemExit(f"{workload.name} failed: {answer[:500].decode(errors='replace')}")
    return frozenset(_below_root(files))


@contextmanager
def _noting_files() -> Iterator[set[str]]:
    files: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            files.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(None)


def _post(port: int, body: bytes) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server
        content: bytes = answer.read()
        return content


def _below_root(names: set[str]) -> Iterator[str]:
    for name in names:
        with suppress(ValueError):
            yield str(Path(name).relative_to(_ROOT))


def _table(counted: list[Entered]) -> str:
    rows = [f"| {one.workload.name} | {len(one.first)} | {len(one.later)} |" for one in counted]
    head = f"| cold query | files entered by the first, of {len(source_files())} | by a later one |"
    return "\n".join([head, "|---|---:|---:|", *rows])


if __name__ == "__main__":
    main()
