"""The gateway as browsers see it: its cookies, its own origin and the sites that may use it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, Self

from starlette.types import Scope

from gateway.http.cross_site import CrossSiteRule, ListedOrigins, OwnOrigin
from gateway.settings.model import Settings
from resolvers.errors import Unauthenticated

SESSION_COOKIE: Final = "gateway_session"

SECURE_PREFIX: Final = "__Host-"
"""Browsers accept such a cookie only from this host over https, so no neighbouring site can plant one."""

SameSite = Literal["lax", "strict", "none"]


class Cookies:
    """Reads and writes the gateway's cookies; process lifetime.

    Args:
        own: Decides whether a browser accepts Secure cookies.
        same_site: Which requests carry the session cookie (RFC 6265bis); "none" admits pages of listed origins.
    """

    def __init__(self, own: OwnOrigin, same_site: SameSite = "lax") -> None:
        self._own = own
        self._same_site: SameSite = same_site

    def session(self, headers: Iterable[bytes], scope: Scope) -> str | None:
        """Return the session token in a request's Cookie headers; None if there is none.

        Raises:
            Unauthenticated: There is a cookie of this name that the gateway did not set, or more than one.
        """
        shown = _session_pairs(headers)
        if not shown:
            return None
        trusted = self._trusted_values(shown, SESSION_COOKIE, scope)
        if len(trusted) != 1 or "" in trusted:
            # To ignore it would serve a person who has logged in by another account than their own.
            raise Unauthenticated(
                f"Log in again at /oauth/logistics/login, or delete the cookie {SESSION_COOKIE}: "
                "this gateway has not set it so."
            )
        return trusted.pop()

    def shows_session(self, headers: Iterable[bytes]) -> bool:
        """Whether a request's Cookie headers have a session cookie, valid or not."""
        return bool(_session_pairs(headers))

    def value(self, headers: Iterable[bytes], name: str, scope: Scope) -> str | None:
        """Return the value of another cookie of the gateway; None if there is none, or more than one.

        Args:
            headers: The values of the request's Cookie headers.
            name: The cookie's name without its prefix.
            scope: The request's ASGI scope.
        """
        trusted = self._trusted_values(_pairs(headers), name, scope)
        return trusted.pop() if len(trusted) == 1 else None

    def setting(self, name: str, value: str, scope: Scope, *, seconds: int, path: str = "/") -> tuple[bytes, bytes]:
        """Return the header that sets a cookie that no script can read; 0 seconds delete it.

        Args:
            name: The cookie's name without its prefix.
            value: Letters, digits and `-_=.` only.
            scope: The request's ASGI scope, which decides whether the cookie can be Secure.
            seconds: How long the browser keeps it.
            path: The cookie's path if it cannot be Secure; a cookie with the prefix is sent to all paths.
        """
        # The consent page redirects back from another site, and "strict" would leave out the login's cookie then.
        same_site = self._same_site if name == SESSION_COOKIE else "lax"
        if self._own.is_secure(scope):
            written = f"{SECURE_PREFIX}{name}={value}; Path=/; Secure"
        else:
            # Browsers refuse SameSite=None without Secure.
            written, same_site = f"{name}={value}; Path={path}", "lax" if same_site == "none" else same_site
        attributes = f"Max-Age={seconds}; HttpOnly; SameSite={same_site.title()}"
        return b"set-cookie", f"{written}; {attributes}".encode("latin-1")

    def _trusted_values(self, pairs: Iterable[tuple[str, str]], name: str, scope: Scope) -> set[str]:
        """The values of the cookie in the form that this browser would have it."""
        shown = list(pairs)
        # Where the browser takes the prefix, a cookie without it was planted by a neighbouring site.
        secure = {value for shown_name, value in shown if shown_name == SECURE_PREFIX + name}
        if secure or self._own.is_secure(scope):
            return secure
        return {value for shown_name, value in shown if shown_name == name}


def _session_pairs(headers: Iterable[bytes]) -> list[tuple[str, str]]:
    """The session cookies of a request, including malformed ones, which are then refused."""
    headers = list(headers)
    shown = [(name, value) for name, value in _pairs(headers) if name.removeprefix(SECURE_PREFIX) == SESSION_COOKIE]
    # A proxy that joins two Cookie headers by a comma hides the second behind the value of the first.
    if not shown and any(_looks_like_session(header) for header in headers):
        return [(SESSION_COOKIE, ""), (SECURE_PREFIX + SESSION_COOKIE, "")]
    return shown


_looks_like_session: Final = re.compile(
    rb"(?:^|[;,\s])(?:%b)?%b\s*(?:[=;,]|$)" % (SECURE_PREFIX.encode(), SESSION_COOKIE.encode())
).search


def _pairs(headers: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The cookies of a request; malformed parts are skipped (RFC 6265, 5.4 and 4.2.2)."""
    # Not by `http.cookies`: other programs on the same site set cookies with JSON, UTF-8 or blanks, and it would stop
    # at the first character that it rejects and miss the gateway's own cookie after it.
    for header in headers:
        for part in header.decode("latin-1").split(";"):
            name, separator, value = part.partition("=")
            if separator:
                yield name.strip(), value.strip().strip('"')


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that concern browsers, built from the same settings; process lifetime.

    Args:
        own: The gateway's own origin.
        rule: Which pages may make a browser send requests.
        cookies: Reads and writes the gateway's cookies.
    """

    own: OwnOrigin
    rule: CrossSiteRule
    cookies: Cookies

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Build it from the settings."""
        own = OwnOrigin(settings.public_url)
        rule = CrossSiteRule(own, ListedOrigins(settings.cors_origins), settings.cors_headers)
        return cls(own, rule, Cookies(own, settings.sessions.same_site))
