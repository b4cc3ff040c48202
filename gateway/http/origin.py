"""The cross-site rule: which pages may make a browser send us requests, and CORS for those of other sites."""

import re
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import Scope

from gateway.http.refusals import CrossSite, Header
from gateway.http.request import Headers

Origin = tuple[str, str, int]
"""Scheme, host and port."""

_PORTS = {"http": 80, "https": 443}
_SCHEMES = {"http": ("http", "https"), "ws": ("http", "https"), "https": ("https",), "wss": ("https",)}
_origin = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/?").fullmatch
_OWN_SITE = (None, b"same-origin", b"none")

_PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type, x-api-key, x-request-id, x-gateway-explain"),
    (b"access-control-max-age", b"600"),
)
_EXPOSED = b"etag, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, x-request-id"


class CrossSiteRule:
    """Decides by the headers that only a browser sets; lives as long as the process.

    A request without `Origin` and `Sec-Fetch-Site` comes from no page of a browser of today and passes.

    Args:
        listed_origins: Origins of other sites that are let in, such as "https://app.example.com".

    Raises:
        ValueError: One of them is no origin.
    """

    def __init__(self, listed_origins: Iterable[str] = ()) -> None:
        self._listed = frozenset(_listed(text) for text in listed_origins)

    def check(self, scope: Scope, headers: Headers) -> bytes | None:
        """Let a request pass or refuse it.

        Args:
            scope: ASGI's, of an HTTP request or a WebSocket.
            headers: Its headers.

        Returns:
            The origin, where it is a listed one of another site: the browser wants to read that in the response.

        Raises:
            CrossSite: It comes from a page of a site that is not listed.
        """
        given = headers.get(b"origin")
        origin = None if given is None else parse_origin(given.decode("latin-1"))
        if origin in self._listed:
            return given
        if headers.get(b"sec-fetch-site") not in _OWN_SITE:
            raise CrossSite("This request comes from a page of another site, whose origin this gateway does not list.")
        if given is not None and (origin is None or not _is_own(origin, scope, headers)):
            raise CrossSite("The origin of this request is neither this gateway's own nor one that it lists.")
        return None


@lru_cache(128)
def parse_origin(text: str) -> Origin | None:
    """Read an origin such as "https://app.example.com:8443"; None for what is none, "null" among it."""
    found = _origin(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    return scheme, host, int(port) if port else _PORTS[scheme]


def is_top_level_navigation(headers: Headers) -> bool:
    """Whether the user opens a page of ours in a tab, by a link on whatever site; not in a frame."""
    return headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"


def preflight_headers(headers: Headers) -> tuple[Header, ...]:
    """What the response to a CORS preflight of a listed origin has beside the headers of every response to it."""
    return _PREFLIGHT if b"access-control-request-method" in headers else ()


def shared_headers(origin: bytes) -> tuple[Header, ...]:
    """What lets the browser show a response to the page of this listed origin."""
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    )


def _listed(text: str) -> Origin:
    origin = parse_origin(text)
    if origin is None:
        raise ValueError(f"{text!r} is no origin; one looks like https://app.example.com, and * is not accepted.")
    return origin


def _is_own(origin: Origin, scope: Scope, headers: Headers) -> bool:
    # A proxy that ends TLS before us may leave the scheme at http, so there https is ours as well.
    host = headers.get(b"host", b"").decode("latin-1")
    return any(parse_origin(f"{scheme}://{host}") == origin for scheme in _SCHEMES.get(scope["scheme"], ()))
