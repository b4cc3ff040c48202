"""Documents lead to what is there: files, folders, and places in each other."""

import re
from pathlib import Path

import pytest

from tests.project.markdown import DOCUMENTS, anchors, in_backticks, links
from tests.project.tree import ROOT

TOPS = ("gateway", "schema", "resolvers", "tests", "frontend", "docs", "scripts", "benchmarks", ".ci")
BUILT = "gateway/ide/dist"
_PATH = re.compile(rf"(?:{'|'.join(map(re.escape, TOPS))})/[\w./-]*")


def named_paths(document: Path) -> set[str]:
    """The paths of this project in what a document marks as code; those with a placeholder are none."""
    words = [word for code in in_backticks(document.read_text()) for word in code.split()]
    return {word for word in words if _PATH.fullmatch(word) and not word.startswith(BUILT)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_path_that_is_named_is_there(document: Path) -> None:
    assert [path for path in sorted(named_paths(document)) if not (ROOT / path).exists()] == []


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
