"""The IDE: its page with the headers that confine it, and the files that the page loads.

Files are named by a hash of their content, so that a browser keeps them for ever.
"""

from collections.abc import Callable, Sequence
from os import PathLike, stat_result
from pathlib import Path
from typing import TypeAlias

import msgspec
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.ide import cdn


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


BUILD_DIRECTORY = Path(__file__).parent / "dist"
"""Where `frontend/` puts its build: `index.html` and, beside it, the folder `ide` of hashed files."""


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operation ready in a tab of the IDE. One with the title of a built-in example replaces what it gives of it.

    Args:
        title: What the IDE's menu of examples calls it.
        query: The document; may be left out where a built-in example has this title.
        variables: The operation's variables, as JSON values.
    """

    title: str
    query: str | None = None
    variables: dict[str, object] | None = None


class IdePage(msgspec.Struct, frozen=True):
    """One response to GET /graphql, ready for an ASGI `send`; lives for a request."""

    body: bytes
    headers: list[tuple[bytes, bytes]]


class Ide:
    """GraphiQL as the gateway serves it; process lifetime.

    Args:
        directory: The front end's build. Where it holds none, the page loads GraphiQL from a CDN.

    Attributes:
        built: False where the page needs the CDN, and so the internet.
        assets: An ASGI app for the path `/ide`, which the page loads the rest from.
    """

    built: bool
    assets: ASGIApp

    def __init__(self, directory: Path = BUILD_DIRECTORY) -> None:
        index = directory / "index.html"
        self.built = index.is_file()
        self.assets = hashed_files(directory / "ide")
        self._document = index.read_bytes() if self.built else cdn.document()
        self._policy = OWN_POLICY if self.built else cdn_policy()

    def page(self, examples: Sequence[Example] = ()) -> IdePage:
        """Answer a browser that asks for the IDE, with `examples` beside or over the built-in ones."""
        body = self._document.replace(b"</head>", _examples_element(examples) + b"</head>", 1)
        headers = [*PAGE_HEADERS, (b"content-security-policy", self._policy), (b"content-length", b"%d" % len(body))]
        return IdePage(body, headers)


def _examples_element(examples: Sequence[Example]) -> bytes:
    # Escaped, because "</script>" inside a string of the JSON would end the element.
    data = msgspec.json.encode(examples).replace(b"<", b"\\u003c")
    return b'<script type="application/json" id="gateway-examples">' + data + b"</script>"


def _policy(scripts: str, styles: str) -> bytes:
    directives = [
        "default-src 'none'",
        f"script-src {scripts}",
        # The editor places its text by style attributes and <style> elements made at run time.
        f"style-src {styles} 'unsafe-inline'",
        "connect-src 'self'",
        "worker-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(directives).encode()


def cdn_policy() -> bytes:
    """Return the policy of the page from the CDN: each pinned file by its full address, and one known inline script."""
    scripts = " ".join([*(file.url for file in cdn.SCRIPTS), cdn.start_script_source()])
    return _policy(scripts, cdn.STYLE.url)


OWN_POLICY = _policy("'self'", "'self'")
PAGE_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    # The same address answers GraphQL clients, and its examples may change with the gateway's data.
    (b"vary", b"accept"),
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


Examples: TypeAlias = Callable[[], Sequence[Example]]
"""Gives the operations that a page opens beside its own, when it is loaded."""


def no_examples() -> Sequence[Example]:
    """The page's own are all there are."""
    return ()


class IdeEndpoint:
    """An ASGI app that answers every request with the IDE's page; process lifetime.

    Args:
        ide: The front end's build, or what stands in for it.
        examples: Operations that the page opens beside its own.
    """

    def __init__(self, ide: Ide, examples: Examples = no_examples) -> None:
        self._ide = ide
        self._examples = examples

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page; to a HEAD its headers alone, which the server sees to."""
        del scope, receive
        page = self._ide.page(self._examples())
        await send({"type": "http.response.start", "status": 200, "headers": page.headers})
        await send({"type": "http.response.body", "body": page.body})
