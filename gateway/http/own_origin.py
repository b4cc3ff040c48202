"""Where browsers reach the gateway: what is its own origin, whether cookies can be Secure, and its absolute URLs.

Where the operator has set `GATEWAY_PUBLIC_URL`, it alone decides. What a request says of itself (Host and, from
trusted proxies, X-Forwarded-Proto) is right only where every proxy passes it on, and a page whose name an attacker
points at this machine (DNS rebinding) says what it likes. Without the setting there is nothing but the request's words.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from gateway.http.origin import Origin, parse_origin
from gateway.http.request import Headers, headers_of
from resolvers.upstreams.transport.wire.origin import is_loopback

_SCHEMES: Final = {"http": ("http", "https"), "ws": ("http", "https"), "https": ("https",), "wss": ("https",)}
_SECURE_SCHEMES: Final = ("https", "wss")


class OwnOrigin:
    """Tells the gateway's own pages from others; process lifetime.

    Args:
        public_url: Where browsers reach the gateway, such as "https://api.example.com"; None goes by each request.

    Attributes:
        is_local: Whether the public URL is one of this machine.

    Raises:
        ValueError: It is no URL with an origin.
    """

    def __init__(self, public_url: str | None = None) -> None:
        self._public_url = public_url
        self._public = _public_origin(public_url) if public_url is not None else None
        self.is_local = self._public is not None and is_loopback(self._public[1])

    def matches(self, origin: Origin, scope: Scope, headers: Headers) -> bool:
        """Whether an origin is the gateway's own.

        Args:
            origin: What a browser sent as `Origin`.
            scope: The request's.
            headers: The request's.
        """
        if self._public is None:
            # A proxy that ends TLS may leave the scheme at http, so there https is the gateway's own as well.
            host = headers.get(b"host", b"").decode("latin-1")
            return any(parse_origin(f"{scheme}://{host}") == origin for scheme in _SCHEMES.get(scope["scheme"], ()))
        if self.is_local:
            # One machine has several names, and whoever started the gateway there opens it by any of them.
            return is_loopback(origin[1]) and (origin[0], origin[2]) == (self._public[0], self._public[2])
        return origin == self._public

    def is_asked_by_name(self, headers: Headers) -> bool:
        """Whether a request names the gateway, as far as that can be told from its Host.

        Only a gateway whose public URL is of this machine can tell: no proxy stands before it, so that another name
        is one that an attacker has pointed at this machine.
        """
        return not self.is_local or is_loopback(_name_in(headers.get(b"host", b"")))

    def is_secure(self, scope: Scope) -> bool:
        """Whether the browser that sent a request takes Secure cookies from it.

        Without a public URL only plain http on the browser's own machine is not: everywhere else a proxy ends TLS, or
        sessions would be for everybody on the way to read.
        """
        if self._public is not None:
            return self._public[0] == "https"
        plain = scope["scheme"] not in _SECURE_SCHEMES
        return not (plain and is_loopback(_name_in(headers_of(scope).get(b"host", b""))))

    def url(self, scope: Scope, path: str) -> str:
        """The absolute URL of a path of the gateway.

        Args:
            scope: The request's that is answered.
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
