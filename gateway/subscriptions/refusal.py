"""A response that only says why nothing was executed."""

from typing import Any

import orjson

from gateway.operations.responses.report import extensions_of
from gateway.subscriptions.response import Response
from resolvers.errors import GatewayError


def refusal(error: GatewayError) -> Response:
    """The response to an operation that met an error of ours before it was executed."""
    return refusal_of([{"message": error.message, "extensions": extensions_of(error)}])


def refusal_of(errors: list[dict[str, Any]]) -> Response:
    """The response that has these errors, and no data."""
    return Response(orjson.dumps({"errors": errors}), refused=True)
