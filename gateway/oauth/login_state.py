"""What a login remembers between its two redirects, in a cookie that only this gateway can write and read."""

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
"""How long a login may take."""

START_AGAIN: Final = "Start again at /oauth/logistics/login."

_MAX_URL_LENGTH: Final = 1024


class LoginState(msgspec.Struct, frozen=True):
    """One login under way; lives in its browser's cookie.

    Args:
        state: Goes to the consent page and back; whoever brings it must have the cookie as well.
        return_to: Where the browser goes at the end: a path of the gateway, or a URL of a listed origin; None shows a
            page.
        opener: The origin of the page that opened the login in a popup, and is sent what became of it.
        wants_token: Whether the answer is the session's token, instead of a cookie.
    """

    state: str
    return_to: str | None
    opener: str | None
    wants_token: bool

    def __repr__(self) -> str:
        """The kind alone."""
        return "<LoginState>"


_encode = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(LoginState).decode


def new_state(
    *, return_to: str | None, opener: str | None, wants_token: bool, trusts: Callable[[str], bool]
) -> LoginState:
    """A login that begins.

    Args:
        return_to: See `LoginState`.
        opener: See `LoginState`.
        wants_token: See `LoginState`.
        trusts: Whether pages of an origin may use the gateway.

    Raises:
        LoginRefused: `return_to` or `opener` is of a site that the gateway does not list.
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


def written(login: LoginState, seal: Seal) -> str:
    """The cookie's value."""
    return seal.close(_encode(login)).decode("ascii")


def read_back(cookie: str | None, state: str | None, seal: Seal) -> LoginState:
    """The login that a browser comes back with.

    Args:
        cookie: Its cookie.
        state: What the consent page sent along.
        seal: Has sealed the cookie.

    Raises:
        LoginRefused: it is another browser than the one that began, or too late.
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
    """Browsers take two slashes, or one and a backslash, for the address of a site, and drop line breaks and tabs."""
    return _is_plain(path) and path.startswith("/") and not path.startswith("//")


def _is_of_trusted_site(url: str, trusts: Callable[[str], bool]) -> bool:
    scheme, separator, rest = url.partition("://")
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    return bool(separator) and _is_plain(url) and trusts(f"{scheme}://{host}")


def _is_plain(text: str) -> bool:
    return (
        text.isascii() and text.isprintable() and " " not in text and "\\" not in text and len(text) <= _MAX_URL_LENGTH
    )
