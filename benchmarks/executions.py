"""Compare compiled execution with graphql-core's: the same generated operations must give the same response bytes.

Half of the operations use the gateway's schema over simulated upstreams that fail for some requests. The others use a
small schema whose fields fail in every way a field can.

    python -m benchmarks.executions --count 20000 --seed 1

The exit status is 1 if any two responses differ.
"""

import argparse
import asyncio
import logging
import sys
import time
from dataclasses import dataclass
from random import Random

from strawberry import Schema

from gateway.operations.execution import core_schema
from resolvers.context import Context
from resolvers.upstreams.call import CallScope
from schema.root import build_schema
from tests.operations import failing_schema
from tests.operations.compared import Comparison
from tests.operations.generated import Generator
from tests.operations.simulated import NOW, arguments_for, simulated_account

BATCH = 500
"""Operations that share one simulated account and one seed."""
FAILING = (0, 10, 25)
"""Percentage of upstream requests that fail, batch by batch."""


@dataclass
class Tally:
    """The results of the comparison; run lifetime."""

    compared: int = 0
    with_errors: int = 0
    with_refused_nulls: int = 0
    compiled: int = 0
    different: int = 0

    async def add(self, comparison: Comparison, generator: Generator, count: int) -> None:
        """Compare `count` operations, and print the first that differ."""
        async for one in comparison.of(generator, count):
            self.compared += 1
            self.with_errors += not one.standard.endswith(b'"errors":[]}')
            self.with_refused_nulls += b"has invalid value" in one.standard
            if one.compiled != one.standard:
                self.different += 1
                if self.different <= 3:
                    sys.stdout.write(f"{one.query}\n{one.variables}\n{one.compiled!r}\n{one.standard!r}\n\n")
        self.compiled += count - comparison.compiled.fallbacks


async def compare(seed: int, count: int) -> Tally:
    """Compare operations of both schemas in turn."""
    tally, whole, failing = Tally(), build_schema(), Schema(failing_schema.Query, types=failing_schema.TYPES)
    for number, start in enumerate(range(0, count, BATCH)):
        random, size = Random(seed * 1_000_003 + number), min(BATCH, count - start)  # noqa: S311 - no secret
        if number % 2:
            comparison = Comparison(failing, lambda: None)
            await tally.add(comparison, Generator(core_schema(failing), random, failing_schema.ARGUMENTS), size)
            continue
        account = await simulated_account(FAILING[number // 2 % len(FAILING)])
        arguments = await arguments_for(account)

        def new_context() -> Context:
            return Context(account, CallScope(asyncio.get_running_loop().time() + 60), now=lambda: NOW)  # noqa: B023 - called in this iteration only

        await tally.add(Comparison(whole, new_context), Generator(core_schema(whole), random, arguments), size)
    return tally


def main() -> int:
    """Run from the command line; return 1 if responses differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    # Every intended failure of a field would log a line.
    logging.disable(logging.CRITICAL)
    started = time.perf_counter()
    tally = asyncio.run(compare(wanted.seed, wanted.count))
    sys.stdout.write(
        f"{tally.compared} operations of seed {wanted.seed} in {time.perf_counter() - started:.0f} s: "
        f"{tally.compiled} by compiled functions, {tally.with_errors} with errors, "
        f"{tally.with_refused_nulls} with a null refused, {tally.different} different\n"
    )
    return 1 if tally.different else 0


if __name__ == "__main__":
    sys.exit(main())
