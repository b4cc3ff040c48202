"""What an operation over a connection that stays open gives out, one after the other."""

from typing import Any

import msgspec

from gateway.operations.responses.report import errors_body, refusal_body
from resolvers.errors import GatewayError


class Response(msgspec.Struct, frozen=True, gc=False):
    """One response of an operation; a value.

    Attributes:
        body: The complete GraphQL response as JSON in UTF-8.
        cursor: Where a subscription can be taken up again after it; from the event itself, selected or not.
        refused: It is the last, and says only why nothing was executed or why the source broke.
        whole: It has no error, and nothing that is meant for one client alone.
    """

    body: bytes
    cursor: str | None = None
    refused: bool = False
    whole: bool = False


def refusal(error: GatewayError) -> Response:
    """Return the response to an operation that was not executed because of an error of ours."""
    return Response(refusal_body(error), refused=True)


def refusal_of(errors: list[dict[str, Any]]) -> Response:
    """Return the response that has these errors, and no data."""
    return Response(errors_body(errors), refused=True)
