"""One request in flight over a connection, and the future of its answer."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from resolvers.upstreams.call import Answer, Call, HeaderField
from resolvers.upstreams.transport.chain import chain
from resolvers.upstreams.transport.wire.content_coding import Undecodable, decoded
from resolvers.upstreams.transport.wire.failures import Broken, TooLong, translated


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
