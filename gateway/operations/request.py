"""What every step of the operation stack takes, returns and raises: request, reply, and the interface of a step.

Beside the errors of `resolvers/errors.py` a step raises these; `gateway/http/response.py` has their HTTP statuses::

    GatewayError
    |-- MutationByGet    HTTP forbids changes by GET
    `-- RequestTooLarge  the document, its variables or its extensions are over their limits
"""

from typing import Any, Protocol, TypeVar

import msgspec
from starlette.types import Scope

from resolvers.errors import GatewayError

CallerT_contra = TypeVar("CallerT_contra", contravariant=True)

Header = tuple[bytes, bytes]
"""A header's name, in lower case, and its value."""


class GraphQLRequest(msgspec.Struct, gc=False):
    """One GraphQL request, checked in form but not yet in content; request lifetime.

    Attributes:
        query: The document; None where `extensions` or `document_id` names a persisted one.
        operation_name: Which of the document's operations is meant.
        variables: The values of its variables, as JSON gives them.
        extensions: Whatever client and gateway have agreed upon beyond the specification.
        may_mutate: False for GET, which by HTTP's rules changes nothing.
        request_id: Under which the log, and the client's bug report, know this request.
        document_id: What a persisted document is named, whichever of the members that clients use it came in.
        size: The bytes of its text; nothing in it is longer. None where that is not known.
    """

    query: str | None
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None
    may_mutate: bool
    request_id: str
    document_id: str | None = None
    size: int | None = None


class Reply(msgspec.Struct, frozen=True):
    """The outcome of one request; a response that is kept may be given out many times, so nobody changes it.

    Attributes:
        status: 200 once the operation has run; 400 for a request error (a document that does not parse or validate,
            variables that do not fit), which becomes 200 for clients that only take `application/json`.
        body: The complete GraphQL response as JSON in UTF-8.
        headers: Added to the endpoint's own and, where the names meet, in their place. An `etag` on the response to a
            GET lets the endpoint say 304.
        executed: The response has the key "data"; False for request errors.
        has_errors: The response has the key "errors".
    """

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()
    executed: bool = True
    has_errors: bool = False


class Operations(Protocol[CallerT_contra]):
    """Runs GraphQL operations; process lifetime."""

    async def run(self, request: GraphQLRequest, scope: Scope, caller: CallerT_contra) -> Reply:
        """Run one operation.

        Args:
            request: What is to be run.
            scope: The HTTP request's ASGI scope, for the headers that operations know.
            caller: Who sent it.

        Raises:
            GatewayError: Nothing was executed, and why; the transport answers it.
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
