import sys
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import grimp
import pytest

from gateway.commands.check import foreign_packages
from schema.root import build_schema
from tests.project.tree import PACKAGES, ROOT, texts

CODE = (".py", ".ts", ".tsx", ".mjs")
LINES = 400
SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def test_no_file_of_code_is_longer_than_can_be_read_at_once() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in texts() if path.suffix in CODE}

    assert {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > LINES} == {}


def test_every_name_says_what_is_inside() -> None:
    words = {path: {*path.stem.split("_"), *path.parent.relative_to(ROOT).parts} for path in texts()}

    assert [path for path, said in words.items() if said & SAY_NOTHING] == []


@pytest.mark.parametrize("folder", [ROOT, Path.home(), Path(sys.prefix)], ids=["checkout", "home", "environment"])
def test_no_file_names_a_folder_of_the_machine_that_it_was_written_on(folder: Path) -> None:
    assert [path for path in texts() if f"{folder}/" in path.read_text()] == []


def test_no_other_distribution_has_a_package_of_our_name() -> None:
    assert foreign_packages(packages_distributions()) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_of_our_name_that_python_finds_is_ours(package: str) -> None:
    spec = find_spec(package)

    assert spec is not None
    assert spec.origin == str(ROOT / package / "__init__.py")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_it_is_for_and_imports_nothing_by_itself(package: str) -> None:
    lines = (ROOT / package / "__init__.py").read_text().splitlines()

    assert len(lines) == 1
    assert lines[0].startswith('"""')


def test_the_simulators_import_nothing_of_ours_but_each_other() -> None:
    graph = grimp.build_graph("gateway", "schema", "resolvers", cache_dir=None)

    simulators = {"gateway.sandbox"} | graph.find_descendants("gateway.sandbox")
    imported = {other for one in simulators for other in graph.find_modules_directly_imported_by(one)}

    assert imported - simulators == set()


def test_the_schema_in_the_documents_is_the_one_that_is_served() -> None:
    shown = (ROOT / "docs" / "schema.graphql").read_text()

    assert shown == f"{build_schema().as_str()}\n", "gateway schema > docs/schema.graphql"
