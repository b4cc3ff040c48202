"""The project's own files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("gateway", "schema", "resolvers")
_FOLDERS: Final = (*PACKAGES, "tests", "frontend", "docs", "deploy", "scripts", ".ci", "benchmarks")
_NOT_OURS: Final = {"node_modules", "dist", "__pycache__", "test-results"}
_TEXTS: Final = {
    ".py",
    ".ts",
    ".tsx",
    ".mjs",
    ".md",
    ".toml",
    ".graphql",
    ".json",
    ".txt",
    ".css",
    ".html",
    ".svg",
    "",
} | {
    ".yaml",
    ".yml",
    ".conf",
    ".env",
}


def texts() -> Iterator[Path]:
    """Yield every text file of the project, written by hand or by a tool."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in _TEXTS and path.name != ".git")
    for folder in _FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if _is_ours(path))


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.suffix in _TEXTS and not _NOT_OURS & {*path.relative_to(ROOT).parts}
