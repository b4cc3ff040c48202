"""The simulation of many processes, at small sizes: what must hold whatever things cost."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.project.tree import ROOT

SIMULATED = """
import asyncio, json
from random import Random
import msgspec
from sizing.costs import NAMES, Cost, Costs
from sizing.page import (
    COSTS_BEGIN, COSTS_END, SIMULATION_BEGIN, SIMULATION_END, VALIDATION_BEGIN, VALIDATION_END,
)
from sizing.processes import Policies, SimulatedProcess
from sizing.resources import SimulatedRedis
from sizing.simulation import Load, simulate
from sizing.upstream import SimulatedUpstream
from sizing.virtual_time import VirtualTimeLoop

costs = Costs("made up", 21.0, {name: Cost(100.0, 2.0, 20.0, 200.0, 100.0) for name in NAMES}, 2e4, 4e3, 6.0)
load = Load(operations=40, read_share=0.5, phones=100, phones_per_record=10, changes_per_record=0.3, popular=400)

def outcome(seed):
    made = simulate(3, costs, load=load, policies=Policies(60.0), seed=seed, seconds=4.0)
    return msgspec.to_builtins(made)

async def read():
    loop, chance, shared = asyncio.get_running_loop(), Random(1), []
    redis, upstream = SimulatedRedis(loop, costs), SimulatedUpstream(loop, 1000.0, chance)
    parts = (redis, upstream, Policies(1000.0), chance, shared, lambda change, at: None)
    processes = [SimulatedProcess(str(number), *parts) for number in range(4)]
    ids = [f"task-{number}" for number in range(30)]
    await asyncio.gather(*(process.read(one) for process in processes for one in ids))
    return upstream.reads

with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
    reads = runner.run(read())
markers = [COSTS_BEGIN, COSTS_END, SIMULATION_BEGIN, SIMULATION_END, VALIDATION_BEGIN, VALIDATION_END]
made = {"first": outcome(1), "again": outcome(1), "another": outcome(2), "reads": reads, "markers": markers}
print(json.dumps(made))
"""


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """All in one process, which takes longer to start than to simulate."""
    ran = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", SIMULATED],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'benchmarks'}:{ROOT}", "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_all_processes_together_stay_below_the_upstreams_rate(made: dict[str, Any]) -> None:
    outcome = made["first"]

    assert outcome["refused"] == 0
    # Pacing may save up a fifth of a second's calls.
    assert 50 < outcome["most_calls"] <= 73


def test_every_phone_gets_each_event_once(made: dict[str, Any]) -> None:
    outcome = made["first"]

    assert outcome["events"] > 0
    assert (outcome["missed"], outcome["repeated"]) == (0, 0)


def test_the_resource_that_is_short_first_is_the_most_used(made: dict[str, Any]) -> None:
    used = made["first"]["utilisation"]

    assert max(used, key=used.__getitem__) == "the upstream's rate"


def test_a_seed_decides_the_outcome(made: dict[str, Any]) -> None:
    assert made["again"] == made["first"]
    assert made["another"] != made["first"]


def test_each_record_is_fetched_by_one_process(made: dict[str, Any]) -> None:
    assert made["reads"] == {f"task-{number}": 1 for number in range(30)}


def test_the_page_has_a_place_for_each_table(made: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "capacity.md").read_text()

    assert [page.count(marker) for marker in made["markers"]] == [1] * 6
