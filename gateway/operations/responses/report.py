"""What a client sees of an error: the one place that decides it for queries and subscriptions."""

import logging
from collections.abc import Iterable
from typing import Any, Final

from graphql import DirectiveNode, GraphQLError, ValueNode

from gateway.http.response import MASKED
from resolvers.errors import BadInput, GatewayError, UpstreamError

MAX_MESSAGE: Final = 1_000
"""Characters of a message; GraphQL's own repeat what the client wrote, which may be most of its request."""

logger = logging.getLogger(__name__)


def report(errors: Iterable[GraphQLError], request_id: str) -> list[dict[str, Any]]:
    """The errors as they stand in the response, by their paths: they happen in an order that no two executions share.

    What is not ours to tell is masked and logged under the request's id.
    """
    return [
        _shortened(_reported(error, request_id)) for error in sorted(errors, key=lambda error: tuple(error.path or ()))
    ]


def _shortened(error: dict[str, Any]) -> dict[str, Any]:
    message: str = error["message"]
    if len(message) > MAX_MESSAGE:
        error["message"] = f"{message[: MAX_MESSAGE - 1]}…"
    return error


def extensions_of(error: GatewayError) -> dict[str, Any]:
    """The `extensions` of an error of ours: its code, and what helps to go on."""
    extensions: dict[str, Any] = {"code": error.code}
    if isinstance(error, UpstreamError):
        extensions["upstream"] = error.upstream.value
    if error.retryable:
        extensions["retryable"] = True
    if error.retry_after is not None:
        extensions["retryAfter"] = error.retry_after
    if isinstance(error, BadInput) and error.path:
        extensions["argumentPath"] = list(error.path)
    return extensions


def _reported(error: GraphQLError, request_id: str) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    cause = _cause(error)
    if isinstance(cause, GatewayError):
        formatted["message"] = cause.message
        formatted["extensions"] = extensions_of(cause)
    elif error.path is None or _is_about_input(error):
        formatted["extensions"] = {"code": "BAD_INPUT"}
    else:
        logger.error("Request %s failed at %s", request_id, error.path, exc_info=cause or error)
        formatted["message"] = MASKED
        formatted["extensions"] = {"code": "INTERNAL"}
    return formatted


def _is_about_input(error: GraphQLError) -> bool:
    """Whether an argument of a field or of a directive was refused: what a resolver raises is located at its field.

    Validation lets a variable that may be null stand where none may if one of them has a default, so that a null is
    met no sooner than at execution.
    """
    return any(isinstance(node, ValueNode | DirectiveNode) for node in error.nodes or ())


def _cause(error: GraphQLError) -> BaseException | None:
    """What was raised; GraphQL wraps an error anew at each level that it passes."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
