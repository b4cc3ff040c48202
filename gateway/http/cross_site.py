"""The cross-site rule: which pages may make a browser send requests, and the CORS headers for those of other sites."""

import re
from typing import Final

from starlette.types import Scope

from gateway.http.origin import ListedOrigins, OwnOrigin, parse_origin
from gateway.http.refusals import CrossSite
from gateway.http.request import Headers
from gateway.operations.request import Header

_OWN_SITE: Final = (None, b"same-origin", b"none")
_MAX_AGE_SECONDS: Final = b"600"
_MAX_REFLECTED_BYTES: Final = 2048
_EXPOSED: Final = b"etag, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, x-request-id"
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
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    )
