"""Sends generated operations to a gateway over simulated upstreams, and tells of every answer that must not be.

Run it by `python -m tests.scenarios.fuzz.run --count 20000 --seed 1`.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import orjson

from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.scenarios.fuzz.hostile import hostile_operations
from tests.scenarios.fuzz.operations import VARIABLES, operations
from tests.world import World, running_world

AT_ONCE = 8
PLANNED = 0.1
"""The share of operations of which the plan is asked for."""
DEADLINE_SECONDS = 15.0
SLACK_SECONDS = 2.0
"""On top of the gateway's own deadline, for a busy machine."""


@dataclass
class Findings:
    """What came of the operations sent; lives as long as a run.

    Attributes:
        sent: How many there were.
        codes: How often each error code was answered; "none" for answers without an error.
        wrong: What must not be: the document and what is wrong with its answer.
        slowest: The longest time that an answer took, in seconds.
    """

    sent: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    slowest: float = 0.0


async def fuzz(seed: int, count: int) -> Findings:
    """Send that many operations, every other one with hostile values, and look at each answer.

    All are generated first: that takes longer than to answer them, and would hold up the gateway in the same loop.
    """
    findings = Findings()
    schema, random = core_schema(build_schema()), Random(seed)  # noqa: S311 - fuzzing is no cryptography
    plain = ((document, random.choice(VARIABLES)) for document in operations(schema, seed, count - count // 2))
    sent = [*plain, *hostile_operations(schema, seed, count // 2)]
    random.shuffle(sent)
    async with running_world() as world:
        senders = (
            _send(world, sent[start::AT_ONCE], Random(seed + start), findings)  # noqa: S311 - fuzzing is no cryptography
            for start in range(AT_ONCE)
        )
        await asyncio.gather(*senders)
    return findings


async def _send(
    world: World, sent: Iterable[tuple[str, dict[str, Any] | None]], random: Random, findings: Findings
) -> None:
    for document, variables in sent:
        body = {"query": document, "variables": variables}
        headers = {"x-gateway-explain": "plan"} if random.random() < PLANNED else {}
        started = time.perf_counter()
        try:
            answer = await world.client.post(f"{world.url}/graphql", json=body, headers=headers)
        except httpx.HTTPError as error:
            findings.wrong.append((document, f"no answer: {error!r}"))
            continue
        finally:
            seconds = time.perf_counter() - started
        findings.sent += 1
        findings.slowest = max(findings.slowest, seconds)
        problem = _problem(answer, findings.codes, seconds)
        if problem is not None:
            findings.wrong.append((document, problem))


def _problem(answer: httpx.Response, codes: Counter[str], seconds: float) -> str | None:
    if answer.status_code >= 500:
        return f"status {answer.status_code}: {answer.text[:500]}"
    if seconds > DEADLINE_SECONDS + SLACK_SECONDS:
        return f"took {seconds:.1f} s"
    errors = orjson.loads(answer.content).get("errors", [])
    found = [error.get("extensions", {}).get("code") for error in errors]
    codes.update(str(code) for code in found or ["none"])
    return f"errors: {errors}" if "INTERNAL" in found or None in found else None


def main() -> int:
    """Run from the command line; 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    started = time.perf_counter()
    findings = asyncio.run(fuzz(wanted.seed, wanted.count))
    for document, problem in findings.wrong:
        sys.stdout.write(f"\n{problem}\n{document}\n")
    sys.stdout.write(
        f"{findings.sent} operations of seed {wanted.seed} in {time.perf_counter() - started:.0f} s, "
        f"slowest answer {findings.slowest:.2f} s, wrong: {len(findings.wrong)}\n{dict(findings.codes)}\n"
    )
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
