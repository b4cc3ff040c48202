"""The changelog leads from each old name to one that is there."""

import re
import tomllib
from typing import Final

import pytest

from tests.project.markdown import in_backticks, section
from tests.project.python_names import exists
from tests.project.tree import ROOT

CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text()
VERSION: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
KINDS_OF_CHANGES: Final = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
TABLES: Final = ("Moved modules", "Renamed names")


def moved(table: str) -> list[tuple[str, str]]:
    """The old and the new name of each row."""
    rows = [in_backticks(line) for line in section(CHANGELOG, table).splitlines()]
    return [(row[0], row[1]) for row in rows if row]


def test_it_begins_with_what_is_unreleased_and_goes_on_with_the_version_of_the_project() -> None:
    versions = re.findall(r"^## \[(.+?)\](.*)$", CHANGELOG, re.MULTILINE)

    assert [name for name, _ in versions[:2]] == ["Unreleased", VERSION]
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", dated) for _, dated in versions[1:])


def test_changes_are_of_the_kinds_that_keep_a_changelog_names() -> None:
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)) <= KINDS_OF_CHANGES | {*TABLES}


@pytest.mark.parametrize("table", TABLES)
def test_every_new_name_is_there(table: str) -> None:
    assert [new for _, new in moved(table) if not exists(new)] == [], "give each name its new place in CHANGELOG.md"


@pytest.mark.parametrize("table", TABLES)
def test_no_old_name_is_there_any_more_and_each_is_listed_once(table: str) -> None:
    old_names = [old for old, _ in moved(table)]

    assert sorted(set(old_names)) == old_names
    assert [old for old in old_names if exists(old)] == []
