"""What the endpoint asks of whoever runs operations, and what it gets back."""

from typing import Protocol, TypeVar

import msgspec
from starlette.types import Scope

from gateway.http.refusals import Header
from gateway.http.request import GraphQLRequest

CallerT = TypeVar("CallerT")
CallerT_contra = TypeVar("CallerT_contra", contravariant=True)
CallerT_co = TypeVar("CallerT_co", covariant=True)


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
            caller: Who asks.

        Raises:
            GatewayError: Instead of a reply, where nothing was executed; the endpoint answers it.
            MutationByGet: The operation is a mutation and `request.may_mutate` is False.
        """
        ...


class Identify(Protocol[CallerT_co]):
    """Tells who sent a request."""

    async def __call__(self, scope: Scope) -> CallerT_co:
        """Tell who sent the request of this ASGI scope.

        Raises:
            Unauthenticated: The credentials are missing or wrong.
        """
        ...
