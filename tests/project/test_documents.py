"""Documents lead to what is there: files, folders, and places in each other."""

import json
import re
from pathlib import Path
from typing import Final

import pytest
import typer

from gateway.cli import app
from gateway.settings import unknown_settings
from tests.project.markdown import DOCUMENTS, all_blocks, anchors, blocks, in_backticks, links
from tests.project.python_names import exists
from tests.project.tree import PACKAGES, ROOT

TOPS = ("gateway", "schema", "resolvers", "tests", "frontend", "docs", "scripts", "benchmarks", ".ci", "deploy")
MADE = ("gateway/ide/dist", "deploy/secrets")
MOST_LINES = 50
PAPERS: Final = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md")]
"""What is about the project itself, whose every name is looked up."""
MODULES: Final = (*PACKAGES, "tests", "benchmarks")
FILES: Final = ("toml", "json", "md", "txt", "graphql", "env", "sqlite3", "py")
"""Endings of files, by which `gateway.toml` is known for no module."""
_PATH: Final = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, TOPS))})/[\w./-]*(?![\w./<{{*-])")
_MODULE: Final = re.compile(rf"(?<![\w./-])(?:{'|'.join(MODULES)})(?:\.\w+)+")
_SETTING: Final = re.compile(r"\bGATEWAY_[A-Z0-9_]+[A-Z0-9]")
_COMMAND: Final = re.compile(r"(?:^|&& |\.venv/bin/)gateway (\w+)", re.MULTILINE)
_NPM: Final = re.compile(r"npm run (\w+)")


def code_in(document: Path) -> str:
    """All that a document marks as code, within a line or in a block."""
    text = document.read_text()
    return "\n".join([*in_backticks(text), *all_blocks(text)])


def named_paths(document: Path) -> set[str]:
    """The paths of this project that a document names; not those of printed output, nor those with a placeholder."""
    text = document.read_text()
    for output in blocks(text, "text"):
        text = text.replace(output, "")
    found = {path.rstrip(".") for path in _PATH.findall(text)}
    return {path for path in found if not path.startswith(MADE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_path_that_is_named_is_there(document: Path) -> None:
    assert [path for path in sorted(named_paths(document)) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_setting_that_is_named_is_one(document: Path) -> None:
    named = set(_SETTING.findall(document.read_text()))

    assert unknown_settings(dict.fromkeys(named, "")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_command_that_is_named_is_one(document: Path) -> None:
    commands = typer.main.get_group(app).commands
    scripts = json.loads((ROOT / "frontend" / "package.json").read_text())["scripts"]

    assert set(_COMMAND.findall(code_in(document))) <= commands.keys()
    assert set(_NPM.findall(code_in(document))) <= scripts.keys()


@pytest.mark.parametrize("document", PAPERS, ids=lambda document: document.name)
def test_every_module_that_is_named_is_there(document: Path) -> None:
    named = {name for name in _MODULE.findall(code_in(document)) if name.rpartition(".")[2] not in FILES}

    assert [name for name in sorted(named) if not exists(name)] == []


@pytest.mark.parametrize("document", PAPERS, ids=lambda document: document.name)
def test_every_file_at_the_top_that_is_named_is_there(document: Path) -> None:
    named = re.findall(r"`([\w-]+\.(?:toml|md|txt|yaml))`", document.read_text())

    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(document: Path) -> None:
    broken = [
        f"{target.name}#{anchor}"
        for target, anchor in links(document)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]

    assert broken == []


def test_every_document_is_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    waiting = [*reached]
    while waiting:
        found = {target.resolve() for target, _ in links(waiting.pop())} - reached
        reached |= found
        waiting += [target for target in found if target.suffix == ".md"]

    assert [document.name for document in DOCUMENTS if document not in reached] == []


def test_there_are_paths_and_links_to_look_at() -> None:
    assert any(named_paths(document) for document in DOCUMENTS)
    assert any(anchor for document in DOCUMENTS for _, anchor in links(document))
    assert any(_SETTING.search(document.read_text()) for document in DOCUMENTS)
    assert any(_COMMAND.search(code_in(document)) for document in PAPERS)
    assert any(_MODULE.search(code_in(document)) for document in PAPERS)


@pytest.mark.parametrize(
    "name", ["LICENSE", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", ".editorconfig", ".pre-commit-config.yaml"]
)
def test_what_a_visitor_looks_for_is_there_and_short(name: str) -> None:
    text = (ROOT / name).read_text()

    assert text.strip()
    assert name == "CHANGELOG.md" or len(text.splitlines()) <= MOST_LINES
