"""What the soak concludes from samples and answers; the soak itself takes half an hour, and is not run here."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from tests.project.tree import ROOT

BENCHMARKS = ROOT / "benchmarks"

TRENDS = """
import json, math, random, sys
from soaking.trends import trend
chance = random.Random(1)
times = list(range(0, 1200, 10))
noise = [chance.gauss(0, 1e6) for _ in times]
made = {
    "flat": [150e6 + one for one in noise],
    "a peak": [150e6 + one + (60e6 if 40 <= place < 44 else 0) for place, one in enumerate(noise)],
    "a slow leak": [150e6 + one + 8000 * at for at, one in zip(times, noise)],
    "steps of an allocator": [150e6 + one + 1e6 * (at // 600) for at, one in zip(times, noise)],
    "descriptors that stay": [80 + chance.randrange(6) for _ in times],
    "a descriptor a minute": [80 + at // 60 + chance.randrange(6) for at in times],
}
least = {name: 4 if "descriptor" in name else 2**20 for name in made}
print(json.dumps({name: trend(times, values).grows(least[name]) for name, values in made.items()}))
"""

OPERATIONS = """
import json
from soaking.operations import RecordIds, operation
ids = RecordIds(["t1", "t2"], ["1", "2"], ["j1"])
made = [operation(number, ids, logistics_only=number % 5 == 0) for number in range(5000)]
print(json.dumps([json.loads(one)["query"] for one in dict.fromkeys(made)]))
"""

PROBLEMS = """
import json
from soaking.operations import problems
answers = {
    "right": (200, {"data": {"delivery": {"stamp": "mine"}, "logisticsTask": None}}),
    "of another": (200, {"data": {"delivery": {"stamp": "theirs"}}}),
    "a fault above": (200, {"data": None, "errors": [{"extensions": {"code": "UPSTREAM_TIMEOUT"}}]}),
    "our own": (500, {"errors": [{"extensions": {"code": "INTERNAL"}}]}),
    "no reason": (503, {}),
}
found = {name: list(problems(status, json.dumps(body).encode(), "mine")) for name, (status, body) in answers.items()}
print(json.dumps(found))
"""


def printed(code: str) -> Any:  # noqa: ANN401 - any JSON value
    ran = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{BENCHMARKS}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_what_grows_is_distinguished_from_noise_peaks_and_steps() -> None:
    grows = printed(TRENDS)

    assert grows == {
        "flat": False,
        "a peak": False,
        "a slow leak": True,
        "steps of an allocator": False,
        "descriptors that stay": False,
        "a descriptor a minute": True,
    }


def test_each_number_gives_another_valid_operation() -> None:
    queries = printed(OPERATIONS)
    schema = build_schema((ROOT / "docs" / "schema.graphql").read_text())

    assert len(queries) == 5000
    assert [problem for query in queries[::100] for problem in validate(schema, parse(query))] == []


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    problems: dict[str, list[str]] = printed(PROBLEMS)
    return problems


@pytest.mark.parametrize("answer", ["right", "a fault above"])
def test_answers_that_injected_faults_explain_are_right(found: dict[str, list[str]], answer: str) -> None:
    assert found[answer] == []


@pytest.mark.parametrize("answer", ["of another", "our own", "no reason"])
def test_answers_of_another_identity_and_failures_of_the_gateway_are_wrong(
    found: dict[str, list[str]], answer: str
) -> None:
    assert len(found[answer]) == 1
