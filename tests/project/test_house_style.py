"""The source keeps the house's style in what can be counted: the size and number of files, and its words."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.project.tree import PACKAGES, ROOT

MAX_LINES: Final = 350
"""The longest that a file of the source may be."""

MAX_FILES: Final = 340
"""The most files that the source may have, without `__init__.py`. Raise it in the commit that adds a concept."""

DIALECT: Final = ("whoever", "on its way", "to be had", "lives as long as", "told", "tells")
"""What identifiers, docstrings and comments do not say: reports, callers, lifetimes and calls in flight have names."""

_DIALECT: Final = re.compile(rf"\b(?:{'|'.join(DIALECT)})\b", re.IGNORECASE)
_WORD_ENDS: Final = re.compile(r"_|(?<=[a-z0-9])(?=[A-Z])")

SOURCES: Final = {
    file.relative_to(ROOT).as_posix(): file.read_text()
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
}


def prose(text: str) -> Iterator[str]:
    """Yield the identifiers of a module as words, its docstrings and its comments."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield " ".join(node.value.value.split())
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield _WORD_ENDS.sub(" ", token.string)
        elif token.type == tokenize.COMMENT:
            yield token.string


def dialect(text: str) -> list[str]:
    """Return the words of the dialect that a module uses."""
    return [found[0] for words in prose(text) for found in _DIALECT.finditer(words)]


def test_no_source_file_is_too_long() -> None:
    lines = {name: len(text.splitlines()) for name, text in SOURCES.items()}

    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


def test_the_source_has_no_more_files_than_written_down() -> None:
    files = [name for name in SOURCES if Path(name).name != "__init__.py"]

    assert len(files) <= MAX_FILES, "put it into the file of its concept, or raise MAX_FILES for a concept that is new"


def test_files_use_standard_terms() -> None:
    found = {name: dialect(text) for name, text in SOURCES.items()}

    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "text",
    ['"""Lives as long as the\nprocess."""', 'x = 1\n"""What it\'s told."""', "def tells_all(): ...", "# on its way"],
)
def test_dialect_is_found_in_docstrings_identifiers_and_comments(text: str) -> None:
    assert dialect(text) != []


def test_texts_that_the_program_shows_are_not_searched() -> None:
    assert dialect('TEXT = "Your parcel is on its way."') == []
