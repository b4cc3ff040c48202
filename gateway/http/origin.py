"""Web origins: those that operators list, and the gateway's own.

If the operator has set `GATEWAY_PUBLIC_URL`, it alone defines the gateway's own origin. What a request says (`Host`
and, from trusted proxies, `X-Forwarded-Proto`) is right only if every proxy passes it on, and under DNS rebinding an
attacker's page chooses the `Host`. Without the setting there is nothing but the request to go by.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from gateway.http.request import Headers, headers_of
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
        """Whether the `Host` of a request names the gateway, as far as that can be known.

        Only a gateway whose public URL is on this machine can know: no proxy is in front of it, so any other name is
        one that an attacker has pointed at this machine.
        """
        return not self.is_local or is_loopback(_name_in(headers.get(b"host", b"")))

    def is_secure(self, scope: Scope) -> bool:
        """Whether the browser that sent a request accepts Secure cookies.

        Without a public URL, only plain http on the browser's own machine is taken as insecure: anywhere else a proxy
        is assumed to terminate TLS, since sessions over plain http could be read in transit.
        """
        if self._public is not None:
            return self._public[0] == "https"
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
