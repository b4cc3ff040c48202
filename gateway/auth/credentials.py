"""Reads what a request shows to prove who sent it; judges nothing."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from starlette.types import Scope

from gateway.auth.cookies import Cookies
from resolvers.errors import Unauthenticated

SESSION_PREFIX: Final = "gws_"
"""What every session token begins with, so that none is taken for a key or a JWT, and secret scanners find it."""

MAX_CREDENTIAL_LENGTH: Final = 8192
"""Characters; a JWT of this size is far beyond what issuers make."""

_NAMES: Final = frozenset({b"authorization", b"x-api-key", b"cookie"})


class Credentials(msgspec.Struct, frozen=True):
    """What a request shows; lives as long as the request, and is never printed.

    Args:
        key: An API key, from `X-API-Key` or as a bearer token; or a JWT.
        session: The token of a gateway session, as a bearer token or from the cookie.
        only_key: Whether `key` came as `X-API-Key`, and so cannot be a JWT.
    """

    key: str | None = None
    session: str | None = None
    only_key: bool = False

    def __repr__(self) -> str:
        """Nothing of it."""
        return "<Credentials>"


def credentials_of(scope: Scope, cookies: Cookies) -> Credentials | None:
    """What an HTTP request or a WebSocket shows; None where it shows nothing.

    Args:
        scope: The request's.
        cookies: Reads the session's.

    Raises:
        Unauthenticated: it shows more than one thing of a kind, or something that is no credential.
    """
    shown = [(name, value) for name, value in scope["headers"] if name in _NAMES]
    return _read(shown, scope, cookies) if shown else None


def credentials_of_socket(scope: Scope, payload: Mapping[str, object] | None, cookies: Cookies) -> Credentials | None:
    """What a WebSocket shows in its `connection_init`, or else in its headers; None where it shows nothing.

    Args:
        scope: The WebSocket's.
        payload: The payload of `connection_init`, whose `authorization` holds the same as the header.
        cookies: Reads the session's.

    Raises:
        Unauthenticated: as `credentials_of`.
    """
    authorization = (payload or {}).get("authorization")
    if authorization is None:
        return credentials_of(scope, cookies)
    if not isinstance(authorization, str):
        raise Unauthenticated("`authorization` in the payload of connection_init must be a text, as the header's is.")
    shown = [(name, value) for name, value in scope["headers"] if name in _NAMES and name != b"authorization"]
    return _read([*shown, (b"authorization", authorization.encode())], scope, cookies)


def _read(shown: Iterable[tuple[bytes, bytes]], scope: Scope, cookies: Cookies) -> Credentials | None:
    authorization = _only(shown, b"authorization", "Authorization")
    api_key = _only(shown, b"x-api-key", "X-API-Key")
    bearer = None if authorization is None else _bearer(authorization)
    session = cookies.session((value for name, value in shown if name == b"cookie"), scope)
    if bearer is not None and bearer.startswith(SESSION_PREFIX):
        bearer, session = None, bearer
    if bearer is not None and api_key is not None:
        raise Unauthenticated("Send one of Authorization and X-API-Key: together they name two callers.")
    if bearer is None and api_key is None and session is None:
        return None
    return Credentials(key=bearer or api_key, session=session, only_key=api_key is not None)


def _only(shown: Iterable[tuple[bytes, bytes]], name: bytes, title: str) -> str | None:
    values = [value for shown_name, value in shown if shown_name == name]
    if not values:
        return None
    if len(values) > 1 or len(values[0]) > MAX_CREDENTIAL_LENGTH:
        raise Unauthenticated(f"{title} must be sent once, and with at most {MAX_CREDENTIAL_LENGTH} characters.")
    value = values[0].decode("utf-8", errors="replace").strip()
    if not value:
        raise Unauthenticated(f"{title} is empty; leave it out, or send a key or token in it.")
    return value


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Authorization must be `Bearer` and then a key or token; no other scheme is known.")
    return token.strip()
