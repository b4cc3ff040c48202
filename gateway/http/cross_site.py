"""Web origins and the cross-site rule: which pages may make a browser send requests.

Theory of operation
-------------------
Browsers name the page that makes them send a request: by `Origin`, and the current ones by `Sec-Fetch-Site`. A request
passes if it has neither header, or comes from a page of the gateway's own origin or of one that the operator lists.

The own origin is that of `GATEWAY_PUBLIC_URL`, if the operator has set it. Otherwise it is derived from the request.
That is right only if every proxy passes on `Host` and, if trusted, `X-Forwarded-Proto`; and under DNS rebinding an
attacker's page chooses the `Host`. But without the setting there is nothing else to go by.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from gateway.http.refusals import CrossSite
from gateway.http.request import Headers, headers_of
from gateway.operations.request import Header
from resolvers.upstreams.transport.wire.origin import is_loopback

Origin = tuple[str, str, int]
"""Scheme, host and port; the port is 0 for the scheme of an app that has none, such as `capacitor`."""

LOOPBACK_ORIGINS: Final = tuple(
    f"{scheme}://{host}:*" for scheme in ("http", "https") for host in ("localhost", "127.0.0.1", "[::1]")
)
"""Pages served on this machine at any port, as operators list them."""

_ANY_PORT: Final = -1
_PORTS: Final = {"http": 80, "https": 443}
_origin = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/?").fullmatch


# A browser sends the same few with every request; bounded, because anybody may send others.
@lru_cache(128)
def parse_origin(text: str) -> Origin | None:
    """Parse an origin such as "https://app.example.com:8443"; None if the text is not an origin, such as "null"."""
    found = _origin(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    return scheme, host, int(port) if port else _PORTS.get(scheme, 0)


class ListedOrigins:
    """The origins of other sites that an operator lists; process lifetime.

    Args:
        listed: Such as "https://app.example.com", "capacitor://localhost", or "http://localhost:*" for every port of
            this machine.

    Raises:
        ValueError: An entry is not an origin, or is a wildcard for more than the ports of this machine.
    """

    def __init__(self, listed: tuple[str, ...] = ()) -> None:
        self._listed = frozenset(listed_origin(text) for text in listed)

    def __contains__(self, origin: Origin | None) -> bool:
        """Whether an origin is listed."""
        return origin is not None and (origin in self._listed or (*origin[:2], _ANY_PORT) in self._listed)


def listed_origin(text: str) -> Origin:
    """Parse an origin as operators list them.

    Raises:
        ValueError: The text is not an origin; the message says what one looks like.
    """
    exact = text.removesuffix(":*")
    origin = parse_origin(exact)
    if "*" in exact or (origin is not None and exact != text and not is_loopback(origin[1])):
        raise ValueError(
            f"{text!r} would let sites ask that nobody has named, with their visitors' sessions: list each origin; "
            "only the port of localhost may be *"
        )
    if origin is None:
        raise ValueError(f"{text!r} is no origin; one looks like https://app.example.com, without a path")
    return (*origin[:2], _ANY_PORT) if exact != text else origin


_SCHEMES: Final = {"http": ("http", "https"), "ws": ("http", "https"), "https": ("https",), "wss": ("https",)}
_SECURE_SCHEMES: Final = ("https", "wss")


class OwnOrigin:
    """Distinguishes the gateway's own origin from others; process lifetime.

    Args:
        public_url: The URL at which browsers reach the gateway, such as "https://api.example.com"; None derives the
            origin from each request.

    Attributes:
        is_local: Whether the public URL is on this machine.

    Raises:
        ValueError: The URL has no origin.
    """

    def __init__(self, public_url: str | None = None) -> None:
        self._public_url = public_url
        self._public = _public_origin(public_url) if public_url is not None else None
        self.is_local = self._public is not None and is_loopback(self._public[1])

    def matches(self, origin: Origin, scope: Scope, headers: Headers) -> bool:
        """Whether an origin is the gateway's own.

        Args:
            origin: The browser's `Origin`.
            scope: The request's.
            headers: The request's.
        """
        if self._public is None:
            # A proxy that terminates TLS may leave the scheme at http, so https is the gateway's own as well.
            host = headers.get(b"host", b"").decode("latin-1")
            return any(parse_origin(f"{scheme}://{host}") == origin for scheme in _SCHEMES.get(scope["scheme"], ()))
        if self.is_local:
            # The machine has several names, and the gateway may be opened by any of them.
            return is_loopback(origin[1]) and (origin[0], origin[2]) == (self._public[0], self._public[2])
        return origin == self._public

    def is_asked_by_name(self, headers: Headers) -> bool:
        """Whether the `Host` of a request names the gateway; always true if that cannot be known."""
        # It is known for a public URL on this machine only: no proxy is in front of that, so any other name is one that
        # an attacker has pointed at this machine (DNS rebinding).
        return not self.is_local or is_loopback(_name_in(headers.get(b"host", b"")))

    def is_secure(self, scope: Scope) -> bool:
        """Whether the browser that sent a request accepts Secure cookies.

        Without a public URL, only plain http on the browser's own machine is taken as insecure.
        """
        if self._public is not None:
            return self._public[0] == "https"
        # Anywhere else a proxy is assumed to terminate TLS, because sessions over plain http could be read in transit.
        plain = scope["scheme"] not in _SECURE_SCHEMES
        return not (plain and is_loopback(_name_in(headers_of(scope).get(b"host", b""))))

    def url(self, scope: Scope, path: str) -> str:
        """Return the absolute URL of a path of the gateway.

        Args:
            scope: The ASGI scope of the request that is answered.
            path: Begins with a slash.
        """
        if self._public_url is not None:
            return f"{self._public_url.rstrip('/')}{path}"
        host = headers_of(scope).get(b"host", b"").decode("latin-1")
        return f"{scope['scheme']}://{host}{path}"


def _public_origin(url: str) -> Origin:
    parts = urlsplit(url)
    origin = parse_origin(f"{parts.scheme}://{parts.netloc}")
    if origin is None:
        raise ValueError(f"{url!r} has no origin; one looks like https://api.example.com.")
    return origin


def _name_in(host: bytes) -> str:
    try:
        return urlsplit(f"//{host.decode('latin-1')}").hostname or ""
    except ValueError:
        return ""


# `none` is an address that the user typed. Not `same-site`: a page of a neighbouring host is another's page.
_OWN_SITE: Final = (None, b"same-origin", b"none")
_MAX_AGE_SECONDS: Final = b"600"
_MAX_REFLECTED_BYTES: Final = 2048
_EXPOSED: Final = (
    b"etag, idempotent-replayed, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, x-request-id"
)
_names = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*").fullmatch


class CrossSiteRule:
    """Checks `Origin` and `Sec-Fetch-Site`, which only browsers set; process lifetime.

    A request with neither header does not come from a page of a current browser, and passes.

    Args:
        own: The gateway's own origin.
        listed: Origins of other sites that are allowed.
        headers: Request headers that their pages may send; empty allows whichever they ask for.
    """

    def __init__(
        self, own: OwnOrigin | None = None, listed: ListedOrigins | None = None, headers: tuple[str, ...] = ()
    ) -> None:
        self._own = own or OwnOrigin()
        self._listed = listed or ListedOrigins()
        self._headers = ", ".join(headers).lower().encode()

    @property
    def checks_names(self) -> bool:
        """Whether requests without either header must be checked as well; see `OwnOrigin.is_asked_by_name`."""
        return self._own.is_local

    def check(self, scope: Scope, headers: Headers) -> bytes | None:
        """Check a request.

        Args:
            scope: The ASGI scope of an HTTP request or a WebSocket.
            headers: Its headers.

        Returns:
            The origin if it is a listed one of another site, whose response needs CORS headers; otherwise None.

        Raises:
            CrossSite: The request comes from a page of a site that is not listed.
        """
        # First, because under DNS rebinding the browser takes the attacker's page for one of the gateway's own origin.
        if not self._own.is_asked_by_name(headers):
            raise CrossSite(
                "The Host of this request is no name of this machine; if one leads here, set GATEWAY_PUBLIC_URL to it."
            )
        given = headers.get(b"origin")
        origin = None if given is None else parse_origin(given.decode("latin-1"))
        if origin in self._listed:
            return given
        if headers.get(b"sec-fetch-site") not in _OWN_SITE:
            raise CrossSite("This request comes from a page of another site, whose origin this gateway does not list.")
        # `null`, of sandboxed frames and of files, is no origin and matches none.
        if given is not None and (origin is None or not self._own.matches(origin, scope, headers)):
            raise CrossSite("The origin of this request is neither this gateway's own nor one that it lists.")
        return None

    def trusts(self, origin: str, scope: Scope) -> bool:
        """Whether pages of an origin may use the gateway: its own origin and the listed ones.

        Args:
            origin: Such as "https://app.example.com".
            scope: The ASGI scope of the request that names it.
        """
        parsed = parse_origin(origin)
        return parsed is not None and (
            parsed in self._listed or self._own.matches(parsed, scope, dict(scope["headers"]))
        )

    def preflight_headers(self, headers: Headers, methods: bytes) -> tuple[Header, ...]:
        """Return the headers of a CORS preflight's response, in addition to `shared_headers`.

        Args:
            headers: The preflight's headers.
            methods: The methods of the resource.
        """
        if b"access-control-request-method" not in headers:
            return ()
        asked = headers.get(b"access-control-request-headers", b"").strip()
        # Only a plain list of names is reflected, since a page decides what stands there.
        reflected = asked.lower() if len(asked) <= _MAX_REFLECTED_BYTES and _names(asked) else b""
        allowed = self._headers or reflected
        return (
            (b"access-control-allow-methods", methods),
            *(((b"access-control-allow-headers", allowed),) if allowed else ()),
            (b"access-control-max-age", _MAX_AGE_SECONDS),
            (b"vary", b"access-control-request-headers"),
        )


def is_top_level_navigation(headers: Headers) -> bool:
    """Whether the user opens a page of the gateway in a tab, for example by a link on another site; not in a frame."""
    return headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"


def shared_headers(origin: bytes) -> tuple[Header, ...]:
    """Return the CORS headers that let pages of this listed origin read a response."""
    return (
        (b"access-control-allow-origin", origin),
        # Pages of listed origins may use the session of their visitor, if its cookie's SameSite lets them.
        (b"access-control-allow-credentials", b"true"),
        # By default scripts see the safelisted response headers only (Fetch).
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    )
