"""Reads credentials from requests and WebSocket messages, without checking them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from starlette.types import Scope

from gateway.auth.cookies import Cookies
from resolvers.errors import Unauthenticated

SESSION_PREFIX: Final = "gws_"
"""The prefix of session tokens, which distinguishes them from keys and JWTs and lets secret scanners find them."""

MAX_CREDENTIAL_LENGTH: Final = 8192
"""Bytes; far beyond the size of JWTs in use."""

_TITLES: Final = {b"authorization": "Authorization", b"x-api-key": "X-API-Key"}
_NAMES: Final = frozenset({*_TITLES, b"cookie"})

_PROXY_SCHEMES: Final = frozenset({b"basic", b"digest", b"negotiate", b"ntlm"})
"""Schemes of proxies in front, which browsers then send by themselves (RFC 7617, 7616, 4559): never the gateway's."""


class CallerCredentials(msgspec.Struct, frozen=True):
    """The credentials of a request; request lifetime, never printed.

    Args:
        key: An API key, from `X-API-Key` or as a bearer token; or a JWT.
        session: The token of a gateway session, as a bearer token or from the cookie.
        only_key: Whether `key` came as `X-API-Key`, and so cannot be a JWT.
    """

    key: str | None = None
    session: str | None = None
    only_key: bool = False

    def __repr__(self) -> str:
        """Hide the secrets."""
        return "<CallerCredentials>"


def credentials_of(scope: Scope, cookies: Cookies | None) -> CallerCredentials | None:
    """Return the credentials of an HTTP request; None if it has none.

    Args:
        scope: The request's ASGI scope.
        cookies: Reads the session cookie; None ignores cookies.

    Raises:
        Unauthenticated: There are two keys or two sessions, or a malformed credential.
    """
    shown = [(name, value) for name, value in scope["headers"] if name in _NAMES]
    return _read(shown, scope, cookies) if shown else None


def credentials_of_socket(
    scope: Scope, payload: Mapping[str, object] | None, cookies: Cookies
) -> CallerCredentials | None:
    """Return the credentials in a WebSocket's handshake and `connection_init`; None if there are none.

    A member of the payload replaces the handshake's header of the same name.

    Args:
        scope: The WebSocket's ASGI scope.
        payload: The payload of `connection_init`, or of a message that renews the credentials.
        cookies: Reads the session cookie.

    Raises:
        Unauthenticated: As for `credentials_of`.
    """
    given = [*_payload_headers(payload)]
    # A payload may renew a token, while the headers are as old as the connection.
    replaced = {name for name, _ in given}
    shown = [(name, value) for name, value in scope["headers"] if name in _NAMES and name not in replaced]
    return _read([*shown, *given], scope, cookies)


def shows_credentials(payload: Mapping[str, object]) -> bool:
    """Whether a payload has a key or token, right or wrong.

    Args:
        payload: The payload of any WebSocket message.

    Raises:
        Unauthenticated: There is a value of another type in its place.
    """
    return any(_payload_headers(payload))


def credentials_only(payload: Mapping[str, object] | None) -> dict[str, object] | None:
    """Return a payload without all that is no key or token; None for none.

    Raises:
        Unauthenticated: As for `shows_credentials`.
    """
    return None if payload is None else {name.decode(): value.decode() for name, value in _payload_headers(payload)}


def _payload_headers(payload: Mapping[str, object] | None) -> Iterator[tuple[bytes, bytes]]:
    """The headers in a payload: clients send them as members or within `headers`, in any letter case."""
    given = payload or {}
    yield from _headers_in(given)
    for name, value in given.items():
        if name.lower() == "headers" and value:
            if not isinstance(value, Mapping):
                raise Unauthenticated("Send `headers` in the payload of connection_init as an object, or leave it out.")
            yield from _headers_in(value)


def _headers_in(given: Mapping[str, object]) -> Iterator[tuple[bytes, bytes]]:
    for name, value in given.items():
        header = name.lower().encode()
        if header not in _TITLES or value is None:
            continue
        if not isinstance(value, str):
            raise Unauthenticated(f"Send {_TITLES[header]} in the payload of connection_init as a text, as in HTTP.")
        if not _is_for_proxy(header, value.encode()):
            yield header, value.encode()


def _is_for_proxy(name: bytes, value: bytes) -> bool:
    return name == b"authorization" and value.strip().partition(b" ")[0].lower() in _PROXY_SCHEMES


def _read(shown: Iterable[tuple[bytes, bytes]], scope: Scope, cookies: Cookies | None) -> CallerCredentials | None:
    # Sets, because a proxy or a client may repeat a header: only different credentials contradict each other.
    bearers, api_keys, cookie_headers = set[str](), set[str](), list[bytes]()
    for name, value in shown:
        if name == b"cookie":
            cookie_headers.append(value)
        elif name == b"x-api-key":
            api_keys.add(_text(name, value))
        elif not _is_for_proxy(name, value):
            bearers.add(_bearer(_text(name, value)))
    sessions = {token for token in bearers if token.startswith(SESSION_PREFIX)}
    keys = bearers - sessions | api_keys
    cookie = cookies.session(cookie_headers, scope) if cookies is not None and cookie_headers else None
    if cookie is not None:
        sessions.add(cookie)
    if len(keys) > 1:
        raise Unauthenticated("Send one key or token: Authorization and X-API-Key name two callers.")
    if len(sessions) > 1:
        raise Unauthenticated("Send one session: the cookie and the token in Authorization are of two.")
    if not keys and not sessions:
        return None
    key = next(iter(keys), None)
    return CallerCredentials(key, next(iter(sessions), None), only_key=key is not None and key not in bearers)


def _text(name: bytes, value: bytes) -> str:
    if len(value) > MAX_CREDENTIAL_LENGTH:
        raise Unauthenticated(f"Send at most {MAX_CREDENTIAL_LENGTH} bytes in {_TITLES[name]}: this was longer.")
    # No key of ours has such bytes, so a replaced text is refused as unknown.
    text = value.decode("utf-8", errors="replace").strip()
    if not text:
        raise Unauthenticated(f"Leave {_TITLES[name]} out, or send a key or token in it: it is empty.")
    return text


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    # The case of a scheme does not count (RFC 9110, 11.1).
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Send `Bearer` and then a key or token in Authorization, or a key in X-API-Key.")
    return token.strip()
