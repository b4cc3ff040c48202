"""Profile a gateway under load and print the functions that take most of the event loop's time.

    python benchmarks/profiling.py --work fan --mode cold --seconds 5

The gateway runs in this process, behind a socket and over static upstreams. The load comes from wrk if it is on PATH.
cProfile measures the CPU time of the event loop's thread, which also handles upstream calls over HTTP/1.1. C code that
Python does not call, such as resuming a coroutine, counts towards the surrounding function, and each resumption counts
as a call. Profiling slows down Python functions but hardly C functions, so the order is more reliable than the numbers.
"""

import argparse
import asyncio
import cProfile
import time
from pathlib import Path
from types import CodeType

import uvloop
from measuring.gateway import MODES, gateway_in_process
from measuring.load import Load, run_load
from measuring.operations import WORKLOADS, Workload
from measuring.upstream import Upstream, static_upstream

_CONNECTIONS = 16
_ROOTS = frozenset({"gateway", "schema", "resolvers"})


def main() -> None:
    """Profile one workload."""
    arguments = _arguments()
    workload = next(one for one in WORKLOADS if one.name == arguments.work)
    with static_upstream() as upstream:
        profile, load = uvloop.run(_profile(upstream, workload, arguments.mode, arguments.seconds))
    print(f"{workload.name}, {arguments.mode}: {load.requests} operations in {load.seconds:.1f} s under the profiler")
    _print(profile, load.requests, arguments.top)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=[one.name for one in WORKLOADS], default="fan")
    parser.add_argument("--mode", choices=list(MODES), default="cold", help="what is shared and cached")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--top", type=int, default=30, help="how many functions to print")
    return parser.parse_args()


async def _profile(upstream: Upstream, workload: Workload, mode: str, seconds: float) -> tuple[cProfile.Profile, Load]:
    bodies = workload.bodies(2000 if mode == "cold" else 1)
    # CPU time of this thread excludes waiting and other processes.
    profile = cProfile.Profile(time.thread_time)
    async with gateway_in_process({**upstream.gateway_settings, **MODES[mode]}) as port:
        await asyncio.to_thread(run_load, port, bodies, 1, _CONNECTIONS)
        profile.enable()
        load = await asyncio.to_thread(run_load, port, bodies, seconds, _CONNECTIONS)
        profile.disable()
    return profile, load


def _print(profile: cProfile.Profile, operations: int, top: int) -> None:
    entries = sorted(profile.getstats(), key=lambda entry: entry.inlinetime, reverse=True)
    whole = sum(entry.inlinetime for entry in entries)
    print("own %  calls/op  us/op  function")
    for entry in entries[:top]:
        share, calls = 100 * entry.inlinetime / whole, entry.callcount / operations
        print(f"{share:5.1f}  {calls:8.1f}  {1e6 * entry.inlinetime / operations:5.0f}  {_name(entry.code)}")


def _name(code: CodeType | str) -> str:
    if isinstance(code, str):
        return code
    parts = Path(code.co_filename).parts
    start = next((place for place, part in enumerate(parts) if part in _ROOTS), max(0, len(parts) - 2))
    return f"{'/'.join(parts[start:])}:{code.co_firstlineno} {code.co_qualname}"


if __name__ == "__main__":
    main()
