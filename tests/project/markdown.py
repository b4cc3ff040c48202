"""The project's documents and their parts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.project.tree import ROOT

DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
"""All documents for readers."""

_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)\n\1```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"!?\[[^\]]*\]\((?![a-z]+:)([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks in a language, without the indentation of a surrounding list."""
    found = [fence for fence in _FENCE.finditer(text) if fence[2] == language]
    return [re.sub(f"^{fence[1]}", "", fence[3], flags=re.MULTILINE) for fence in found]


def all_blocks(text: str) -> list[str]:
    """Return the fenced blocks in any language."""
    return [fence[3] for fence in _FENCE.finditer(text)]


def section(text: str, heading: str) -> str:
    """Return the prose between a heading and the next one of any level."""
    (found,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", _prose(text), re.MULTILINE | re.DOTALL)
    return str(found)


def whole_section(text: str, heading: str) -> str:
    """Return the text below a heading of the second level, with fenced blocks."""
    _, _, below = text.partition(f"\n## {heading}\n")
    return below.partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """Return the code in backticks in the first cell of each table row."""
    rows = re.findall(r"^\|([^|]*)\|", _prose(text), re.MULTILINE)
    return [cell for row in rows for cell in re.findall(r"`([^`]+)`", row)]


def in_backticks(text: str) -> list[str]:
    """Return all code in backticks."""
    return re.findall(r"`([^`\n]+)`", _prose(text))


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Yield the target file and the anchor, which may be empty, of each link to a file of the project."""
    for target in _LINK.findall(_prose(document.read_text())):
        name, _, anchor = target.partition("#")
        yield (document.parent / name if name else document), anchor


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document, by GitHub's rule for headings."""
    headings = _HEADING.findall(_prose(document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _prose(text: str) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", text)
