"""The files that the page loads: named by a hash of their content, so that a browser keeps them for ever."""

from os import PathLike, stat_result
from pathlib import Path

from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope


def hashed_files(directory: Path) -> ASGIApp:
    """Return an ASGI app that serves `directory`, or 404 for everything where the front end was not built."""
    if not directory.is_dir():
        return PlainTextResponse("The IDE's front end was not built; see README.md.\n", status_code=404)
    return HashedFiles(directory=directory)


class HashedFiles(StaticFiles):
    """Static files whose names change with their content; process lifetime."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with the file, to be kept for a year (the longest that caches honour) without asking again."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["x-content-type-options"] = "nosniff"
        return response
