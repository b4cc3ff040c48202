"""One call as an HTTP exchange: the bytes of its request (RFC 9112, sections 2 to 5), and the future of its answer.

An `Exchange` ends once: its connection calls `succeed`, `fail` or `lose`. Only `lose` can send the request once more,
where the connection may have been closed before the request was sent.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from resolvers.upstreams.call import Answer, Call, HeaderField
from resolvers.upstreams.transport.chain import chain
from resolvers.upstreams.transport.wire.content_coding import Undecodable, decoded
from resolvers.upstreams.transport.wire.failures import Broken, TooLong, translated

_SCHEME_LENGTH: Final = len("https://")

USER_AGENT: Final = "graphql-rest-gateway"

_MAX_HEADS: Final = 1024

# RFC 9110, section 5.6.2.
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# RFC 9110, section 5.5: tab, space, visible ASCII, and bytes above that.
_NOT_IN_VALUES: Final = re.compile(r"[^\t -~\x80-\xff]")


def split_url(url: str) -> tuple[str, str]:
    """Split an absolute URL into scheme and authority, and path and query."""
    end = url.find("/", _SCHEME_LENGTH)
    return (url, "/") if end < 0 else (url[:end], url[end:])


Fields = TypeVar("Fields", bound=Sequence[tuple[str, str]])


class Unsendable(ValueError):
    """A call holds characters that HTTP does not allow. It has no text, because they may be a secret."""


def request_bytes(call: Call, authority: str, target: str, proxy_authorization: str | None = None) -> bytes:
    """Return the bytes of a request.

    Args:
        call: The call to send.
        authority: The value of `Host`.
        target: Path and query, or the whole URL for a proxy.
        proxy_authorization: The value of `Proxy-Authorization`.

    Raises:
        Unsendable: the target or a header field holds characters that would end its line.
    """
    check_target(target)
    fields = _lines(authority, call.headers, call.authorization, proxy_authorization)
    if call.propagated:
        # Apart from the kept lines, because these differ from request to request.
        fields += "".join(f"{name}: {value}\r\n" for name, value in checked(call.propagated))
    head = f"{call.method} {target} HTTP/1.1\r\n{fields}"
    if call.body is None:
        return f"{head}\r\n".encode("latin-1")
    return f"{head}content-length: {len(call.body)}\r\n\r\n".encode("latin-1") + call.body


def check_target(target: str) -> None:
    """Check that path and query can stand in a request line.

    Raises:
        Unsendable: they hold characters that would end the target or its line.
    """
    if not (target.isascii() and target.isprintable()) or " " in target or "#" in target:
        raise Unsendable


def checked_fields(headers: tuple[tuple[str, str], ...], authorization: str | None) -> list[tuple[str, str]]:
    """Return the header fields of a call, without `Host`, `Content-Length` and those for a proxy.

    Args:
        headers: The call's own.
        authorization: The value of `Authorization`.

    Raises:
        Unsendable: a field holds characters that would end its line.
    """
    # No coding but gzip, because an answer in any other is refused (`content_coding.py`).
    fields = [("user-agent", USER_AGENT), ("accept-encoding", "gzip"), *headers]
    if authorization is not None:
        fields.append(("authorization", authorization))
    return checked(fields)


def checked(fields: Fields) -> Fields:
    """Return header fields as they are.

    Raises:
        Unsendable: one holds characters that would end its line.
    """
    if any(not _NAME.fullmatch(name) or _NOT_IN_VALUES.search(value) for name, value in fields):
        raise Unsendable
    return fields


@lru_cache(maxsize=_MAX_HEADS)
def _lines(
    authority: str,
    headers: tuple[tuple[str, str], ...],
    authorization: str | None,
    proxy_authorization: str | None,
) -> str:
    """Return the lines of the header fields, without `Content-Length`."""
    # Kept, because they are the same for most calls of an account.
    fields = [("host", authority), *checked_fields(headers, authorization)]
    if proxy_authorization is not None:
        fields.append(("proxy-authorization", proxy_authorization))
    return "".join(f"{name}: {value}\r\n" for name, value in fields)


class Exchange(msgspec.Struct, eq=False):
    """One request in flight over a connection. Lifetime: until its answer or its failure.

    Args:
        call: The call that is sent.
        account: The account whose connections may carry it; None for a connection that carries nothing else.
        request: The bytes of the request.
        max_bytes: How long the answer's body may be, as received and decompressed.
        until: The event loop's clock, in seconds, by which the answer must be complete.
        answer: The future that the caller awaits; ends in an answer or an `UpstreamError`.
        again: Sends the request over a new connection, if this one may have been closed before; None where it must not
            be sent twice.
    """

    call: Call
    account: str | None
    request: bytes
    max_bytes: int
    until: float
    answer: "asyncio.Future[Answer]"
    again: "Callable[[Exchange], Awaitable[Answer]] | None" = None

    def succeed(self, status: int, headers: dict[HeaderField, str], body: bytes) -> None:
        """End the exchange with its answer.

        Args:
            status: The HTTP status.
            headers: The header fields that are kept.
            body: The body as received.
        """
        # The caller gave up.
        if self.answer.done():
            return
        coding = headers.get("content-encoding")
        if coding is not None:
            try:
                body = decoded(body, coding, self.max_bytes)
            except Undecodable as error:
                self.fail(error)
                return
            if len(body) > self.max_bytes:
                self.fail(TooLong())
                return
        self.answer.set_result(Answer(status, headers, body))

    def fail(self, failure: Exception) -> None:
        """End the exchange without an answer, by a failure that `translated` knows."""
        if not self.answer.done():
            error = translated(self.call, failure, self.max_bytes)
            # As `raise ... from` would set it, but the error is raised where the future is awaited.
            error.__cause__ = failure
            self.answer.set_exception(error)

    def lose(self, *, untouched: bool, reason: str | None = None) -> None:
        """End the exchange, or send its request again, after its connection ended.

        Args:
            reason: Why it ended, for the operator; None where the other side just ended it.
            untouched: Whether no byte of an answer had arrived, so that it may have ended before the request was sent.
        """
        again, self.again = self.again, None
        if again is None or not untouched or self.answer.done():
            self.fail(Broken(reason))
        else:
            # Once only, as `again` is gone: a connection that is new cannot have been closed before.
            self.call.tries += 1
            chain(again(self), self.answer)
