"""The cookies that this gateway sets: their names, where they are believed, and how they are written."""

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

SESSION_COOKIE: Final = "gateway_session"

SECURE_PREFIX: Final = "__Host-"
"""Browsers take such a cookie from this very host over https alone, so no neighbouring site can plant one."""


def session_in_cookies(headers: Iterable[bytes], scope: Scope) -> str | None:
    """The session token in a request's Cookie headers, if there is one."""
    return cookie_value(headers, SESSION_COOKIE, scope)


def cookie_value(headers: Iterable[bytes], name: str, scope: Scope) -> str | None:
    """The value of a cookie of ours.

    Args:
        headers: The values of the request's Cookie headers.
        name: The cookie's name without its prefix.
        scope: The request's; the name without the prefix counts on plain http of this machine alone.
    """
    cookies: SimpleCookie = SimpleCookie()
    for header in headers:
        try:
            cookies.load(header.decode("latin-1"))
        except CookieError:
            continue
    found = cookies.get(SECURE_PREFIX + name)
    if found is None and is_plain_loopback(scope):
        found = cookies.get(name)
    return found.value if found else None


def is_plain_loopback(scope: Scope) -> bool:
    """Whether a browser reached the gateway over http on its own machine, where no cookie can be Secure."""
    if scope["scheme"] not in ("http", "ws"):
        return False
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    try:
        name = urlsplit(f"//{host.decode('latin-1')}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def set_cookie(name: str, value: str, scope: Scope, *, seconds: int, path: str = "/") -> tuple[bytes, bytes]:
    """The header that sets a cookie, which no script can read; 0 seconds delete it.

    Args:
        name: Without its prefix.
        value: Letters, digits and `-_=.` alone.
        scope: The request's, which decides whether the cookie can be Secure.
        seconds: How long the browser keeps it.
        path: Where it is sent to on plain loopback; a cookie with the prefix is sent everywhere.
    """
    plain = is_plain_loopback(scope)
    written = f"{name}={value}; Path={path}" if plain else f"{SECURE_PREFIX}{name}={value}; Path=/; Secure"
    return b"set-cookie", f"{written}; Max-Age={seconds}; HttpOnly; SameSite=Lax".encode("latin-1")
