"""What every step of the operation stack takes, returns and raises: request, reply, and the interface of a step.

Beside the errors of `resolvers/errors.py` a step raises these; `gateway/http/response.py` has their HTTP statuses::

    GatewayError
    |-- MutationByGet    HTTP forbids changes by GET
    `-- RequestTooLarge  the document, its variables or its extensions are over their limits
"""

import asyncio
from typing import Any, Final, Protocol, TypeVar

import msgspec
from starlette.types import Scope

from resolvers.errors import GatewayError

# Generic over the caller, because the HTTP endpoint passes callers on without knowing their type.
CallerT_contra = TypeVar("CallerT_contra", contravariant=True)

Header = tuple[bytes, bytes]
"""A header's name in lower case, and its value."""

COMPRESSED_SHARE: Final = 2
"""The compressed forms of a body may take 1/2 of its bytes beside it; those of all codings take less."""


# Without tracking by the garbage collector (`gc=False`): requests are many, and nothing in one refers back to it.
class GraphQLRequest(msgspec.Struct, gc=False):
    """One GraphQL request, of valid form and unchecked content; request lifetime.

    Attributes:
        query: The document; None where `extensions` or `document_id` names a persisted one.
        operation_name: The name of the operation in the document.
        variables: The values of variables, as decoded from JSON.
        extensions: The request's `extensions` member, for protocols beyond the specification.
        may_mutate: False for GET, which is safe by HTTP's semantics (RFC 9110).
        request_id: The id of the request in the log and in the response header.
        document_id: The name of a persisted document, from any of the members that clients put it in.
        size: Bytes of the request's text, an upper bound for every part of it; None where unknown.
    """

    query: str | None
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None
    may_mutate: bool
    request_id: str
    document_id: str | None = None
    size: int | None = None


class CompressedBodies:
    """The compressed forms of one body, for all replies that have it; lifetime: that of the body.

    Args:
        room: Bytes that the forms may take in all; further ones are not kept.

    Attributes:
        bodies: The forms, by content coding.
        running: The forms that a thread is making, by content coding.
    """

    __slots__ = ("_room", "bodies", "running")

    def __init__(self, room: int = 0) -> None:
        self._room = room
        self.bodies: dict[bytes, bytes] = {}
        self.running: dict[bytes, asyncio.Future[bytes]] = {}

    def keep(self, coding: bytes, body: bytes) -> None:
        """Keep a form where there is room for it."""
        if len(body) <= self._room:
            self._room -= len(body)
            self.bodies[coding] = body

    def finished(self, coding: bytes, made: "asyncio.Future[bytes]") -> None:
        """Keep what a thread has made."""
        del self.running[coding]
        if not made.cancelled() and made.exception() is None:
            self.keep(coding, made.result())


class Reply(msgspec.Struct, frozen=True):
    """The response to one request; immutable, because a cached one is sent many times.

    Attributes:
        status: 200 once the operation has run; 400 for a request error (a document that does not parse or validate,
            variables that do not fit), which becomes 200 for clients that only take `application/json`.
        body: The complete GraphQL response as JSON in UTF-8.
        headers: Headers beside the endpoint's own, which they replace where the names are equal. With an `etag` the
            endpoint can respond 304 to a GET.
        executed: Whether the response has the key "data"; False for request errors.
        has_errors: Whether the response has the key "errors".
        compressed: The compressed forms of the body; None where they are not kept.
    """

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()
    executed: bool = True
    has_errors: bool = False
    compressed: CompressedBodies | None = None


class Operations(Protocol[CallerT_contra]):
    """A step of the operation stack: runs GraphQL operations; process lifetime."""

    async def run(self, request: GraphQLRequest, scope: Scope, caller: CallerT_contra) -> Reply:
        """Run one operation.

        Args:
            request: The operation.
            scope: The ASGI scope of the HTTP request, for its headers and for the collectors of `diagnostics.py`.
            caller: The sender of the request.

        Raises:
            GatewayError: The operation was not executed; the transport sends the error.
            MutationByGet: The operation is a mutation and `request.may_mutate` is False.
        """
        ...


class MutationByGet(GatewayError):
    """The operation of a GET is a mutation."""

    code = "BAD_INPUT"

    def __init__(self) -> None:
        super().__init__("A GET may not carry a mutation; send it as a POST.")


class RequestTooLarge(GatewayError):
    """The document, its variables or its extensions are over their limits."""

    code = "BAD_INPUT"
