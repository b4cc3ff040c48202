"""One call as an HTTP exchange: the bytes of its request, and the future of its answer."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final

import msgspec

from resolvers.upstreams.call import Answer, Call, HeaderField
from resolvers.upstreams.transport.chain import chain
from resolvers.upstreams.transport.wire.content_coding import Undecodable, decoded
from resolvers.upstreams.transport.wire.failures import Broken, TooLong, translated

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


class Exchange(msgspec.Struct, eq=False):
    """Ends once, as its connection says; lives until then.

    Args:
        call: What is asked.
        account: Whose connections may carry it; None for one that carries nothing else.
        request: The whole of it in bytes.
        most_bytes: How long the answer's body may be, as it comes and decompressed.
        until: The event loop's clock, in seconds, by which the whole answer must be there.
        answer: What is waited for; ends in an answer or an `UpstreamError`.
        again: Does it over another connection, should this one have been closed already; None where it must not.
    """

    call: Call
    account: str | None
    request: bytes
    most_bytes: int
    until: float
    answer: "asyncio.Future[Answer]"
    again: "Callable[[Exchange], Awaitable[Answer]] | None" = None

    def succeed(self, status: int, headers: dict[HeaderField, str], body: bytes) -> None:
        """The whole answer is there, its body as it came."""
        if self.answer.done():
            return
        coding = headers.get("content-encoding")
        if coding is not None:
            try:
                body = decoded(body, coding, self.most_bytes)
            except Undecodable as error:
                self.fail(error)
                return
            if len(body) > self.most_bytes:
                self.fail(TooLong())
                return
        self.answer.set_result(Answer(status, headers, body))

    def fail(self, failure: Exception) -> None:
        """There will be no answer, for one of the failures that there are words for."""
        if not self.answer.done():
            error = translated(self.call, failure, self.most_bytes)
            error.__cause__ = failure
            self.answer.set_exception(error)

    def lose(self, *, untouched: bool, reason: str | None = None) -> None:
        """The connection ended.

        Args:
            reason: Why, for the operator; None where the other side just ended it.
            untouched: Not a byte of an answer had come, so that it may have been closed before the request was sent.
        """
        again, self.again = self.again, None
        if again is None or not untouched or self.answer.done():
            self.fail(Broken(reason))
        else:
            self.call.tries += 1
            chain(again(self), self.answer)
