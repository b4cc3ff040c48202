"""Reads deliveries in a gateway of this process, and prints the bytes that Python had allocated more afterwards.

Settings come on standard input as JSON, the number of deliveries as the first argument.
"""

import asyncio
import gc
import json
import sys
import tracemalloc
from collections.abc import Mapping

from measuring.in_process import gateway_in_process
from measuring.load import ask_all
from measuring.memory import CONNECTIONS, WARMING
from measuring.operations import delivery_workload


async def _grown(settings: Mapping[str, str], count: int) -> int:
    bodies = delivery_workload().bodies(count)
    async with gateway_in_process(settings) as port:
        await ask_all(port, iter(bodies[:WARMING]), CONNECTIONS)
        before = _allocated()
        await ask_all(port, iter(bodies[WARMING:]), CONNECTIONS)
        return _allocated() - before


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    print(asyncio.run(_grown(json.load(sys.stdin), int(sys.argv[1]))))
