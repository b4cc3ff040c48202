"""A call in the bytes of HTTP/1.1 (RFC 9112, sections 2 to 5)."""

import re
from functools import lru_cache
from typing import Final

from resolvers.upstreams.call import Call

USER_AGENT: Final = "graphql-rest-gateway"

_HEADS_KEPT: Final = 1024
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, section 5.6.2."""

_NOT_IN_VALUES: Final = re.compile(r"[^\t -~\x80-\xff]")


class Unsendable(ValueError):
    """A call holds characters that HTTP does not allow; says nothing of them, for they may be a secret."""


def request_bytes(call: Call, authority: str, target: str, proxy_authorization: str | None = None) -> bytes:
    """The whole request.

    Args:
        call: What is asked.
        authority: The `Host` header.
        target: Path and query, or the whole URL for a proxy.
        proxy_authorization: The value of that header.

    Raises:
        Unsendable: the target or a header would break out of its line.
    """
    check_target(target)
    fields = _lines(authority, call.headers, call.authorization, proxy_authorization)
    head = f"{call.method} {target} HTTP/1.1\r\n{fields}"
    if call.body is None:
        return f"{head}\r\n".encode("latin-1")
    return f"{head}content-length: {len(call.body)}\r\n\r\n".encode("latin-1") + call.body


def check_target(target: str) -> None:
    """Let path and query pass that can stand in a request.

    Raises:
        Unsendable: they would break out of their line.
    """
    if not (target.isascii() and target.isprintable()) or " " in target or "#" in target:
        raise Unsendable


def checked_fields(headers: tuple[tuple[str, str], ...], authorization: str | None) -> list[tuple[str, str]]:
    """The header fields of a call, without those that say where it goes and how long it is.

    Args:
        headers: Those of the call.
        authorization: The value of that header.

    Raises:
        Unsendable: one would break out of its line.
    """
    fields = [("user-agent", USER_AGENT), ("accept-encoding", "gzip"), *headers]
    if authorization is not None:
        fields.append(("authorization", authorization))
    if any(not _NAME.fullmatch(name) or _NOT_IN_VALUES.search(value) for name, value in fields):
        raise Unsendable
    return fields


@lru_cache(maxsize=_HEADS_KEPT)
def _lines(
    authority: str,
    headers: tuple[tuple[str, str], ...],
    authorization: str | None,
    proxy_authorization: str | None,
) -> str:
    """The header fields but for the length: the same for most calls of an account, so they are made once."""
    fields = [("host", authority), *checked_fields(headers, authorization)]
    if proxy_authorization is not None:
        fields.append(("proxy-authorization", proxy_authorization))
    return "".join(f"{name}: {value}\r\n" for name, value in fields)
