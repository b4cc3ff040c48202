"""What a client sees of an error, over every transport: the one module that builds entries of a response's `errors`.

Errors of ours are shown as they are, what GraphQL refuses as BAD_INPUT, and everything else is masked and logged. What
a mutation was refused for is data of its payload instead, built by `schema/payloads.py`.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final

import orjson
from graphql import DirectiveNode, GraphQLError, ValueNode

from resolvers.errors import BadInput, GatewayError, UpstreamError

MASKED: Final = "Something went wrong inside the gateway; its log has the reason under this answer's X-Request-ID."
"""Instead of the message of an error that nothing foresaw."""

MAX_MESSAGE: Final = 1_000
"""Characters of a message; GraphQL's own repeat what the client wrote, which may be most of its request."""

logger = logging.getLogger(__name__)


def report(errors: Iterable[GraphQLError], request_id: str) -> list[dict[str, Any]]:
    """Return the entries of `errors`, sorted by path: errors occur in an order that no two executions share.

    Args:
        errors: Those of an execution, or of a document that was not executed.
        request_id: The id under which masked errors are logged.
    """
    return [
        _shortened(_reported(error, request_id)) for error in sorted(errors, key=lambda error: tuple(error.path or ()))
    ]


def _shortened(error: dict[str, Any]) -> dict[str, Any]:
    message: str = error["message"]
    if len(message) > MAX_MESSAGE:
        error["message"] = f"{message[: MAX_MESSAGE - 1]}…"
    return error


def refusal_body(error: GatewayError) -> bytes:
    """Return the response to an operation that was not executed because of an error of ours."""
    return errors_body([entry_of(error)])


def internal_error_body() -> bytes:
    """Return the response to an operation that was not executed because of an error that nothing foresaw."""
    return errors_body([{"message": MASKED, "extensions": {"code": "INTERNAL"}}])


def errors_body(errors: list[dict[str, Any]]) -> bytes:
    """Return the response with these errors and no data."""
    return orjson.dumps({"errors": errors})


def entry_of(error: GatewayError) -> dict[str, Any]:
    """Return the entry of `errors` for an error of ours: its message and code, and what helps to go on."""
    return {"message": error.message, "extensions": _extensions_of(error)}


def _extensions_of(error: GatewayError) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": error.code}
    if isinstance(error, UpstreamError):
        extensions["upstream"] = error.upstream.name
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
        formatted |= entry_of(cause)
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
