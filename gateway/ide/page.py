"""The page itself and the headers that confine it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from starlette.types import ASGIApp

from gateway.ide import cdn
from gateway.ide.assets import hashed_files

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
