"""Looks up names of the project's Python code in its source, without importing it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.project.tree import PACKAGES, ROOT


def exists(dotted: str) -> bool:
    """Return whether a module has this name, or a module defines its last part at the top level."""
    if _file(dotted) is not None:
        return True
    module, _, name = dotted.rpartition(".")
    file = _file(module) if module else None
    return file is not None and name in _defined(file)


@cache
def classes_and_functions() -> frozenset[str]:
    """Return the top-level names of all modules of the three packages."""
    return frozenset(name for package in PACKAGES for file in (ROOT / package).rglob("*.py") for name in _defined(file))


@cache
def source_in_one_word() -> str:
    """Return the source of the three packages in lower case, without spaces, underscores and hyphens."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return re.sub(r"[\s_-]", "", "\n".join(file.read_text() for file in files).lower())


def _file(dotted: str) -> Path | None:
    """Return the file of a module. A folder is none, because its `__init__.py` has only a docstring."""
    file = ROOT / f"{dotted.replace('.', '/')}.py"
    return file if file.is_file() else None


@cache
def _defined(file: Path) -> frozenset[str]:
    return frozenset(_top_names(ast.parse(file.read_text())))


def _top_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
