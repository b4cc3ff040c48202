"""The state of a login between its two redirects, in a sealed cookie."""

import re
from collections.abc import Callable
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Final

import msgspec

from gateway.oauth.refusals import LoginRefused
from gateway.oauth.sealing import Seal, Unsealable

STATE_COOKIE: Final = "gateway_login"

STATE_SECONDS: Final = 600
"""Time limit of a login."""

START_AGAIN: Final = "Start again at /oauth/logistics/login."

_MAX_URL_LENGTH: Final = 1024


class LoginState(msgspec.Struct, frozen=True):
    """A login in progress; kept in the browser's cookie.

    Args:
        state: Sent to the consent page and back; valid only together with the cookie.
        return_to: Target of the redirect after the login: a path of the gateway or a URL of a listed origin; None
            shows a page.
        opener: The origin of the page that opened the login in a popup; the result is posted to it.
        wants_token: Whether the response has the session's token instead of setting a cookie.
    """

    state: str
    return_to: str | None
    opener: str | None
    wants_token: bool

    def __repr__(self) -> str:
        """Hide the state."""
        return "<LoginState>"


_encode = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(LoginState).decode


def new_state(
    *, return_to: str | None, opener: str | None, wants_token: bool, trusts: Callable[[str], bool]
) -> LoginState:
    """Begin a login.

    Args:
        return_to: See `LoginState`.
        opener: See `LoginState`.
        wants_token: See `LoginState`.
        trusts: Whether pages of an origin may use the gateway.

    Raises:
        LoginRefused: `return_to` or `opener` belongs to a site that the gateway does not list.
    """
    if return_to is not None and not (_is_path_of_ours(return_to) or _is_of_trusted_site(return_to, trusts)):
        raise LoginRefused(
            "`return_to` must be a path of this gateway, such as /graphql with one slash at its start, or the URL of a "
            "page whose origin is in GATEWAY_CORS_ORIGINS."
        )
    if opener is not None and not trusts(opener):
        raise LoginRefused(
            "`opener` must be the origin of the page that opens this login, and that must be in GATEWAY_CORS_ORIGINS."
        )
    return LoginState(token_urlsafe(32), return_to, opener, wants_token)


def seal_login(login: LoginState, seal: Seal) -> str:
    """Return the value of the login's cookie."""
    return seal.close(_encode(login)).decode("ascii")


def open_login(cookie: str | None, state: str | None, seal: Seal) -> LoginState:
    """Return the login that a browser comes back with.

    Args:
        cookie: The browser's login cookie.
        state: The state that the consent page sent.
        seal: Opens the cookie.

    Raises:
        LoginRefused: Another browser began the login, or it took too long.
    """
    if cookie is None or state is None:
        raise LoginRefused(f"This login was not begun in this browser, or more than ten minutes ago. {START_AGAIN}")
    try:
        login = _decode(seal.open(cookie.encode("utf-8", "replace"), seconds=STATE_SECONDS))
    except (Unsealable, msgspec.MsgspecError):
        raise LoginRefused(f"This login was begun more than ten minutes ago. {START_AGAIN}") from None
    if not compare_digest(login.state.encode(), state.encode("utf-8", "replace")):
        raise LoginRefused(f"This login was not begun in this browser. {START_AGAIN}")
    return login


def _is_path_of_ours(path: str) -> bool:
    """Browsers take two slashes, or a slash and a backslash, for the start of a host, and drop line breaks and tabs."""
    return _is_plain(path) and path.startswith("/") and not path.startswith("//")


def _is_of_trusted_site(url: str, trusts: Callable[[str], bool]) -> bool:
    scheme, separator, rest = url.partition("://")
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    return bool(separator) and _is_plain(url) and trusts(f"{scheme}://{host}")


def _is_plain(text: str) -> bool:
    return (
        text.isascii() and text.isprintable() and " " not in text and "\\" not in text and len(text) <= _MAX_URL_LENGTH
    )
