import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project.tree import ROOT

PYTHON_LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")
NODE_LOCKS = sorted(
    path.relative_to(ROOT) for path in ROOT.rglob("package-lock.json") if "node_modules" not in path.parts
)
_PIN = re.compile(
    r"^([A-Za-z0-9._-]+)==(\S+)(?: ; [a-z_]+ [<>=]+ \"[0-9.]+\")? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
    re.MULTILINE,
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pins(lock: str) -> dict[str, str]:
    """The version of each distribution that a lock names together with its hashes."""
    return {name: pinned for name, pinned, _ in _PIN.findall((ROOT / lock).read_text())}


@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_a_lock_is_nothing_but_pins_hashes_and_reasons(lock: str) -> None:
    rest = _PIN.sub("", (ROOT / lock).read_text())

    assert [line for line in rest.splitlines() if line and not line.lstrip().startswith("# ")] == []


@pytest.mark.parametrize("lock", [*PYTHON_LOCKS, *map(str, NODE_LOCKS)])
def test_a_lock_does_not_say_where_anything_is_downloaded_from(lock: str) -> None:
    text = (ROOT / lock).read_text()
    addresses = [line for line in text.splitlines() if "://" in line and '"url"' not in line]

    assert addresses == []
    assert '"resolved"' not in text


@pytest.mark.parametrize(
    ("lock", "needs"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        ("requirements-dev.txt", [*PROJECT["dependencies"], *EXTRAS["test"], *EXTRAS["lint"]]),
        ("requirements-build.txt", ["hatchling>=1.27"]),
    ],
)
def test_a_lock_has_everything_that_the_project_needs_in_a_version_that_it_allows(lock: str, needs: list[str]) -> None:
    pinned = pins(lock)

    for need in map(Requirement, needs):
        assert need.specifier.contains(pinned[canonicalize_name(need.name)]), need


@pytest.mark.parametrize("need", [*map(Requirement, PROJECT["dependencies"])], ids=lambda need: need.name)
def test_a_dependency_carries_a_lower_bound_and_no_upper_one(need: Requirement) -> None:
    assert [specifier.operator for specifier in need.specifier] == [">="]


def test_tests_run_with_the_same_dependencies_as_the_gateway() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_the_installed_project_is_this_one() -> None:
    assert version(PROJECT["name"]) == PROJECT["version"]


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=str)
def test_a_node_lock_names_each_package_with_its_checksum(lock: Path) -> None:
    packages = json.loads((ROOT / lock).read_text())["packages"]

    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
