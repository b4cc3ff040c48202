"""The paper on the architecture says what the code is, and its recipe for a field works as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.project.markdown import blocks, first_cells, in_backticks, section, whole_section
from tests.project.python_names import classes_and_functions, source_in_one_word
from tests.project.tree import PACKAGES, ROOT

PAGE: Final = (ROOT / "docs" / "architecture.md").read_text()
GLOSSARY: Final = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in section(PAGE, "Glossary").splitlines()
    if line.startswith("|")
][2:]
RECIPE: Final = whole_section(PAGE, "Add a field")
PLACES: Final = (
    ("tests/upstreams/test_logistics_accounts_client.py", "    assert partner.webhook_url =="),
    ("resolvers/upstreams/logistics/account_records.py", "    webhook_url: str | None = None"),
    ("schema/organizations.py", '    updated_at: datetime | None = strawberry.field(description="When the account'),
)
"""The file and the line below which each block of Python in the recipe goes."""
PYTEST: Final = ".venv/bin/python -m pytest -q -p no:cacheprovider"
COPIED: Final = (*PACKAGES, "tests", "docs", "pyproject.toml", "conftest.py")
HELD_BY: Final = (
    "tests/contract/test_contract.py",
    "tests/contract/test_views.py",
    "tests/upstreams/test_logistics_accounts_client.py",
    "tests/project/test_files.py::test_the_schema_in_the_documents_is_the_one_that_is_served",
)
"""What of the tests that the recipe runs could fail by its steps."""


@pytest.mark.parametrize("term", [row[0] for row in GLOSSARY])
def test_a_term_of_the_glossary_is_one_that_the_code_uses(term: str) -> None:
    assert "".join(term.lower().split()) in source_in_one_word()


def test_the_glossary_is_in_the_order_of_the_alphabet() -> None:
    terms = [row[0].lower() for row in GLOSSARY]

    assert terms == sorted(terms)


@pytest.mark.parametrize("row", GLOSSARY, ids=lambda row: row[0])
def test_a_term_names_where_it_is_defined(row: list[str]) -> None:
    names = [name.partition(".")[0] for name in in_backticks(row[2])]

    assert names
    assert [name for name in names if name not in classes_and_functions()] == []


def test_each_file_and_folder_of_the_picture_is_there() -> None:
    (picture,) = blocks(PAGE, "text")
    words = set(re.findall(r"(?<![\w./{])([a-z_]+(?:/|\.py))", picture))
    missing = [word for word in sorted(words) if not any((ROOT / one / word).exists() for one in ("", *PACKAGES))]

    assert [word for word in missing if not any((ROOT / "gateway" / "operations").glob(word.rstrip("/")))] == []
    assert len(words) > len(PACKAGES)


def test_each_package_of_ours_has_a_row() -> None:
    named = first_cells(section(PAGE, "Packages and layers"))

    assert named == [f"{package}/" for package in PACKAGES]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project to change, with the tools of this environment."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "dist", "*.png"))
        else:
            shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def run(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    # The copy is not what a measured run measures.
    others = ("GATEWAY_", "PYTEST_", "COVERAGE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return subprocess.run(  # noqa: S602 - the recipe's own commands
        command,
        shell=True,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_recipe_for_a_field_adds_one(checkout: Path) -> None:
    additions = blocks(RECIPE, "python")
    write_schema, _ = blocks(RECIPE, "sh")

    for (name, line), addition in zip(PLACES, additions, strict=True):
        assert name in RECIPE
        add_below(checkout / name, line, addition)
    before = run(f"{PYTEST} {HELD_BY[0]}", checkout)
    written = run(write_schema, checkout)
    after = run(f"{PYTEST} {' '.join(HELD_BY)}", checkout)

    assert "test_what_stands_beside_the_contract_is_listed_here" in before.stdout, before.stdout + before.stderr
    assert written.returncode == 0, written.stderr
    assert after.returncode == 0, after.stdout
    assert "updatedBy: String" in (checkout / "docs" / "schema.graphql").read_text()


def add_below(file: Path, line: str, addition: str) -> None:
    lines = file.read_text().splitlines()
    (place,) = [number for number, one in enumerate(lines) if one.startswith(line)]
    lines[place + 1 : place + 1] = addition.splitlines()
    file.write_text("\n".join(lines) + "\n")
