"""Errors of HTTP itself, raised before any operation is looked at.

    GatewayError
    `-- HttpRefusal              has the status and the headers of its response
        |-- BadRequest           400: the request is no GraphQL request
        |-- CrossSite            403: a page of another site made the browser send it
        |-- MethodNotAllowed     405: the method
        |-- NotAcceptable        406: the client takes none of our media types
        |-- BodyTooLarge         413: the body is over the limit
        `-- UnsupportedMediaType 415: the body is not JSON in UTF-8
            `-- CompressedBody   415: the body is compressed

`ClientGone` is not among them: a client that has disconnected gets no response.
"""

from typing import ClassVar

from gateway.operations.request import Header
from resolvers.errors import GatewayError


class ClientGone(Exception):
    """The client closed the connection before its request was complete, or answered."""


class HttpRefusal(GatewayError):
    """Base class; the message is written for the client."""

    code = "BAD_INPUT"
    status: ClassVar[int]
    headers: ClassVar[tuple[Header, ...]] = ()


class BadRequest(HttpRefusal):
    """The request is not a GraphQL request: JSON that does not parse, a parameter of the wrong type, a large batch."""

    status = 400


class CrossSite(HttpRefusal):
    """A page of another site that is not listed made the browser send the request."""

    code = "FORBIDDEN"
    status = 403


class MethodNotAllowed(HttpRefusal):
    """The endpoint does not support the method."""

    status = 405
    # A 405 must have it (RFC 9110, 15.5.6).
    headers = ((b"allow", b"GET, HEAD, POST, OPTIONS"),)


class NotAcceptable(HttpRefusal):
    """The client accepts none of the media types."""

    status = 406


class BodyTooLarge(HttpRefusal):
    """The body is over the limit.

    Args:
        limit: The largest accepted body, in bytes.
    """

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than the {limit} bytes that are accepted; send a smaller one.")


class UnsupportedMediaType(HttpRefusal):
    """The body is not JSON in UTF-8."""

    status = 415


class CompressedBody(UnsupportedMediaType):
    """The body is compressed."""

    # What is accepted instead (RFC 9110, 15.5.16).
    headers = ((b"accept-encoding", b"identity"),)

    def __init__(self) -> None:
        super().__init__("Compressed request bodies are not accepted; send the JSON as it is.")
