"""Serve many callers and many different operations for long, under faults, and watch memory and file descriptors.

`gateway serve` runs over the simulators and a Redis of its own. Operations come at a constant rate, each with another
document and from another caller; subscriptions come and go; webhooks arrive; accounts get other credentials and the
settings are read again; upstreams fail in every way that the simulators know, and Redis stops for seconds. Each worker
notes its resident memory, descriptors, tasks and objects every few seconds. Everything runs on loopback.

    python benchmarks/soak.py                                        half an hour, 200,000 operations
    python benchmarks/soak.py --seconds 150 --warm-up 60 --rate 120  a look

The exit status is 1 if a worker's memory, descriptors or tasks grow after the warm-up (`soaking/trends.py`), if there
are more descriptors, tasks or objects at the end, with no load, than after the warm-up, or if an answer was wrong: of
another identity, an internal error, or none at all.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import uvloop
from soaking import gateway
from soaking.client import Connections
from soaking.disturbances import Disturbances
from soaking.identities import Callers, Issuer
from soaking.load import Load, Tally
from soaking.samples import Sample, Samples, cpu_per_operation, gained, leaks, rises, table
from soaking.upstreams import start_upstreams

from gateway.sandbox.server import serving

_REPORT_SECONDS = 30.0
_SETTLING_SECONDS = 12.0
"""For requests and subscriptions to end, before what a process holds at rest is counted."""


async def run(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """Soak, print what happened, and return what was wrong."""
    chance, tally = Random(arguments.seed), Tally()  # noqa: S311 - repeatable, no secrets
    async with AsyncExitStack() as stack:
        issuer = Issuer()
        upstreams = await start_upstreams(stack, arguments.seed)
        keys = await stack.enter_async_context(serving(issuer.app))
        url, redis = stack.enter_context(gateway.redis_server())
        environment = {**gateway.settings(upstreams.urls, url, arguments.workers), **issuer.settings(keys)}
        file = gateway.SettingsFile(folder / "settings.toml")
        # In a thread, because the gateway fetches the keys from this process while it starts.
        server = await asyncio.to_thread(
            stack.enter_context, gateway.serving(environment, file, folder, arguments.every)
        )
        callers = Callers(
            arguments.identities, issuer, upstreams.simulators.logistics.credentials, Connections(server.port)
        )
        load = Load(server.port, callers, upstreams, tally, chance)
        disturbances = Disturbances(server, file, upstreams, redis, tally, chance)
        wrong = await _phases(arguments, load, disturbances, Samples(folder), tally)
    counts = tally.counts
    print(f"seed {arguments.seed}: {counts.pop('operations')} operations of {callers.seen} identities, {dict(counts)}")
    return [*wrong, *tally.wrong]


async def _phases(
    arguments: argparse.Namespace, load: Load, disturbances: Disturbances, samples: Samples, tally: Tally
) -> list[str]:
    """Warm up, rest, soak, rest; return what grew."""
    began = time.time()
    async with _disturbed(load, disturbances, arguments.subscriptions):
        await load.operations(arguments.rate, arguments.warm_up)
    before = await _at_rest(samples)
    begin, asked = time.time(), tally.counts["operations"]
    async with _disturbed(load, disturbances, arguments.subscriptions):
        # The first samples are of caches that fill again after the rest.
        await load.operations(arguments.rate, arguments.seconds - arguments.warm_up)
    end = time.time()
    after = await _at_rest(samples)
    taken = samples.all()
    print("\n".join(table(taken, began)))
    cpu = cpu_per_operation(taken, begin, end, tally.counts["operations"] - asked)
    print(f"CPU of the workers: {cpu:.1f} ms an operation, with subscriptions, polls and reloads")
    for pid in after:
        print(f"more objects in worker {pid}: {', '.join(gained(before[pid], after[pid]))}")
    return [*leaks(taken, begin, end), *rises(before, after)]


@asynccontextmanager
async def _disturbed(load: Load, disturbances: Disturbances, subscriptions: int) -> AsyncIterator[None]:
    """Keep subscriptions open, send webhooks and disturb the gateway within the block."""
    going_on = [
        asyncio.create_task(one)
        for one in (
            load.subscriptions(subscriptions),
            load.webhooks(2.0),
            disturbances.run(),
            load.report(_REPORT_SECONDS),
        )
    ]
    try:
        yield
    finally:
        for task in going_on:
            task.cancel()
        ended = await asyncio.gather(*going_on, return_exceptions=True)
        await load.close()
        if failed := [one for one in ended if isinstance(one, Exception)]:
            raise ExceptionGroup("a part of the load failed", failed)


async def _at_rest(samples: Samples) -> dict[str, Sample]:
    await asyncio.sleep(_SETTLING_SECONDS)
    return await samples.census()


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--warm-up", type=float, default=900.0, help="of these seconds")
    parser.add_argument("--rate", type=float, default=112.0, help="operations a second")
    parser.add_argument("--identities", type=int, default=20_000)
    parser.add_argument("--subscriptions", type=int, default=40, help="open at a time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples")
    return parser.parse_args()


def main() -> int:
    """Soak, and print what was wrong."""
    arguments = _parsed()
    # The simulators complain of each request that a fault cuts.
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory(prefix="soak-") as folder:
        wrong = uvloop.run(run(arguments, Path(folder)))
    for one in wrong:
        print(f"WRONG: {one}")
    print("flat, and every answer right" if not wrong else f"{len(wrong)} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
