import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from tests.project.tree import ROOT

BENCHMARKS = ROOT / "benchmarks"
MEASURED_SCHEMA = "from plain.app import schema; print(schema.as_str())"
MEASURED_DOCUMENTS = """
import json
from measuring.operations import WORKLOADS
print(json.dumps({one.name: one.document for one in WORKLOADS}))
"""

WRITE = "import sys; from pathlib import Path; from measuring.report import write; write('new', Path(sys.argv[1]))"
MARKERS = "from measuring.report import BEGIN, END; print(BEGIN); print(END)"


def python(*arguments: str) -> str:
    ran = subprocess.run(  # noqa: S603 - our own scripts
        [sys.executable, *arguments],
        cwd=BENCHMARKS,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("script", ["run.py", "profiling.py", "entered_files.py"])
def test_a_script_says_how_it_is_used(script: str) -> None:
    said = python(script, "--help")

    assert f"python benchmarks/{script}" in said


def test_the_files_that_each_query_enters_are_counted() -> None:
    rows = [line.strip("|").split("|") for line in python("entered_files.py").splitlines()[2:]]
    counts = {row[0].strip(): [int(cell) for cell in row[1:]] for row in rows}

    assert counts.keys() == {"list", "fan", "cross"}
    assert all(first > later > 0 for first, later in counts.values())


def test_both_executions_are_compared_at_any_size() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.executions", "--count", "20", "--seed", "5"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("20 operations of seed 5")
    assert "0 different" in ran.stdout


def test_the_compared_operations_are_valid_on_the_gateway_and_on_the_plain_server() -> None:
    documents = json.loads(python("-c", MEASURED_DOCUMENTS))
    schemas = {
        "gateway": (ROOT / "docs" / "schema.graphql").read_text(),
        "plain": python("-c", MEASURED_SCHEMA),
    }

    problems = {
        (side, name): validate(build_schema(schema), parse(document))
        for side, schema in schemas.items()
        for name, document in documents.items()
    }

    assert set(problems) == {(side, name) for side in schemas for name in ("list", "fan", "cross")}
    assert {where: found for where, found in problems.items() if found} == {}


def test_figures_replace_those_between_the_markers_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = python("-c", MARKERS).splitlines()
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")

    python("-c", WRITE, str(page))

    assert page.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"


def test_the_page_has_a_place_for_the_figures() -> None:
    markers = python("-c", MARKERS).splitlines()

    page = (ROOT / "docs" / "performance.md").read_text()

    assert [page.count(marker) for marker in markers] == [1, 1]
