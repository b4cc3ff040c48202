"""The IDE: its page with security headers, and the static files that it loads.

Static files are named by a hash of their content, so browsers may cache them indefinitely. The build has compressed
them already.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike, stat_result
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.negotiation import GZIP, coding_negotiator
from gateway.http.refusals import NotAcceptable
from gateway.http.request import headers_of
from gateway.ide import cdn


def hashed_files(directory: Path) -> ASGIApp:
    """Return an ASGI app that serves `directory`, or 404 for every path if the front end was not built."""
    if not directory.is_dir():
        return PlainTextResponse("The IDE's front end was not built; see README.md.\n", status_code=404)
    return HashedFiles(directory)


_FORMS: Final[Mapping[bytes, str]] = {b"br": ".br", GZIP: ".gz"}
"""The endings of the compressed forms that the build writes beside a file, by content coding, the smallest first."""


class HashedFiles(StaticFiles):
    """Static files whose names change with their content, and their compressed forms; process lifetime.

    Args:
        directory: The folder of the files.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._negotiate = coding_negotiator(tuple(_FORMS))
        forms = [file.resolve() for file in directory.iterdir() if file.suffix in _FORMS.values()]
        # Looked at once, because a build does not change while it is served.
        self._forms = {str(file): file.stat() for file in forms}

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Respond with the file in the form that the client prefers, cacheable for a year without revalidation."""
        coding = self._coding(scope)
        form = None if coding is None else f"{full_path}{_FORMS[coding]}"
        if coding is None or form not in self._forms:
            response = super().file_response(full_path, stat_result, scope, status_code)
        else:
            response = super().file_response(form, self._forms[form], scope, status_code)
            if response.status_code == status_code:
                response.headers["content-encoding"] = coding.decode()
        response.headers["vary"] = "accept-encoding"
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["x-content-type-options"] = "nosniff"
        return response

    def _coding(self, scope: Scope) -> bytes | None:
        accepted = headers_of(scope).get(b"accept-encoding")
        try:
            coding = None if accepted is None else self._negotiate(accepted)
        except NotAcceptable:
            # The file as it is, which RFC 9110 (12.5.3) allows, is of more use than an error.
            return None
        return None if coding is None else coding.name


BUILD_DIRECTORY = Path(__file__).parent / "dist"
"""The build directory of `frontend/`: `index.html` and the folder `ide` of hashed files."""


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operation that opens in a tab of the IDE. It overrides the built-in example with the same title.

    Args:
        title: Its title in the IDE's menu of examples.
        query: The document; optional if a built-in example has this title.
        variables: The operation's variables, as JSON values.
    """

    title: str
    query: str | None = None
    variables: dict[str, object] | None = None


class IdePage(msgspec.Struct, frozen=True):
    """A response to GET /graphql; request lifetime."""

    body: bytes
    headers: list[tuple[bytes, bytes]]


class Ide:
    """GraphiQL as the gateway serves it; process lifetime.

    Args:
        directory: The front end's build. If there is none, the page loads GraphiQL from a CDN.

    Attributes:
        built: Whether the page works without the CDN.
        assets: The ASGI app for the path `/ide`, which serves the page's static files.
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
        """Return the page with `examples` in addition to the built-in ones."""
        body = self._document.replace(b"</head>", _examples_element(examples) + b"</head>", 1)
        headers = [*PAGE_HEADERS, (b"content-security-policy", self._policy), (b"content-length", b"%d" % len(body))]
        return IdePage(body, headers)


def _examples_element(examples: Sequence[Example]) -> bytes:
    # Escaped, because "</script>" in a JSON string would end the element.
    data = msgspec.json.encode(examples).replace(b"<", b"\\u003c")
    return b'<script type="application/json" id="gateway-examples">' + data + b"</script>"


def _policy(scripts: str, styles: str) -> bytes:
    directives = [
        "default-src 'none'",
        f"script-src {scripts}",
        # The editor positions text by style attributes and <style> elements created at run time.
        f"style-src {styles} 'unsafe-inline'",
        "connect-src 'self'",
        # The editor checks documents and variables in workers.
        "worker-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(directives).encode()


def cdn_policy() -> bytes:
    """Return the policy of the page from the CDN: each pinned file by its URL, and one inline script by its hash."""
    scripts = " ".join([*(file.url for file in cdn.SCRIPTS), cdn.start_script_source()])
    return _policy(scripts, cdn.STYLE.url)


OWN_POLICY = _policy("'self'", "'self'")
PAGE_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    # The same URL serves GraphQL clients, and the examples may change with the gateway's data.
    (b"vary", b"accept"),
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


Examples: TypeAlias = Callable[[], Sequence[Example]]
"""Returns the additional example operations, called for each page."""


def no_examples() -> Sequence[Example]:
    """Return no additional examples."""
    return ()


class IdeEndpoint:
    """ASGI app that responds to every request with the IDE's page; process lifetime.

    Args:
        ide: The IDE.
        examples: Returns additional example operations.
    """

    def __init__(self, ide: Ide, examples: Examples = no_examples) -> None:
        self._ide = ide
        self._examples = examples

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page; the server drops the body of a response to HEAD."""
        del scope, receive
        page = self._ide.page(self._examples())
        await send({"type": "http.response.start", "status": 200, "headers": page.headers})
        await send({"type": "http.response.body", "body": page.body})
