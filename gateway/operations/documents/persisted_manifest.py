"""Reads manifests of trusted documents, as the tools of Apollo and of Relay write them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

APOLLO_FORMAT = "apollo-persisted-query-manifest"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The trusted documents; process lifetime.

    Args:
        by_id: Their texts, by the id under which clients name them.
    """

    by_id: dict[str, str]


class ManifestProblem(ValueError):
    """The file is no manifest; the message says what is wrong with it."""


class _Operation(msgspec.Struct):
    id: str
    body: str


class _ApolloManifest(msgspec.Struct):
    version: int
    operations: list[_Operation]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest: Apollo's with its `format`, or Relay's map of ids to documents.

    Raises:
        ManifestProblem: it cannot be read, is neither, or names no document.
    """
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        by_id = _apollo(content) if "format" in content else msgspec.convert(content, dict[str, str])
    except OSError as error:
        raise ManifestProblem(f"{str(path)!r} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ManifestProblem(
            f"{str(path)!r} is neither Apollo's manifest of persisted queries nor Relay's map of documents: {error}"
        ) from None
    if not by_id:
        raise ManifestProblem(f"{str(path)!r} holds no operation, so that none could be run")
    return Manifest(by_id)


def _apollo(content: dict[str, Any]) -> dict[str, str]:
    if content["format"] != APOLLO_FORMAT or content.get("version") != 1:
        raise msgspec.ValidationError(f"its format must be {APOLLO_FORMAT!r} of version 1")
    manifest = msgspec.convert(content, _ApolloManifest)
    return {operation.id: operation.body for operation in manifest.operations}
