"""Finds in a message what a client has no use for: Python's forms of values, names of the code, hosts of upstreams."""

import ast
import inspect
import re
from pathlib import Path
from typing import Final

from resolvers.upstreams import operations
from resolvers.upstreams.operations import Operation
from resolvers.upstreams.purposes import PURPOSES

ROOT: Final = Path(__file__).parents[1]

_PYTHON: Final = re.compile(
    r"""\b(?:None|True|False|Undefined|NoneType|Traceback)\b
    | [\[{(]\s*b?'  # a text in a list, a dictionary or a call
    | <[A-Za-z_.]+\s[^>]*>  # an object without a form of its own
    | \\x[0-9a-f]{2} | \bnan\b | \binf\b""",
    re.VERBOSE,
)


def _classes() -> frozenset[str]:
    """The names of the source's classes and functions that no English word and no type of the schema is."""
    names: set[str] = set()
    for package in ("gateway", "resolvers", "schema"):
        for file in (ROOT / package).rglob("*.py"):
            tree = ast.parse(file.read_text())
            names |= {one.name for one in ast.walk(tree) if isinstance(one, ast.ClassDef | ast.FunctionDef)}
    return frozenset(name for name in names if "_" in name.strip("_") or re.search(r"[a-z][A-Z]", name))


OPERATIONS: Final = frozenset(one.name for _, one in inspect.getmembers(operations) if isinstance(one, Operation)) | {
    name for purposes in PURPOSES.values() for name in purposes
}
_OF_THE_SCHEMA: Final = frozenset(re.findall(r"\w+", (ROOT / "docs" / "schema.graphql").read_text()))
_NAMES: Final = (_classes() | {name for name in OPERATIONS if "_" in name}) - _OF_THE_SCHEMA
_PLACE: Final = re.compile(r"\$(?:\.\w+|\[\d+\])+")
"""A place in a vendor's answer, in the vendor's words, or in a client's variables."""


def internal_names(message: str) -> list[str]:
    """What stands in a message and should not."""
    words = re.findall(r"\w+", _PLACE.sub("", message))
    names = [name for name in words if name in _NAMES]
    return [*names, *_PYTHON.findall(message), *re.findall(r"127\.0\.0\.1\S*|localhost\S*", message)]
