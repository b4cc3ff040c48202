"""Builds the entries of a response's `errors`; the only module that decides what a client sees of an error.

The gateway's own errors are shown as they are, GraphQL's as BAD_INPUT, and all others are masked and logged. Errors of
mutations are data of their payloads instead, built by `schema/payloads.py`.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final

import orjson
from graphql import DirectiveNode, GraphQLError, ValueNode

from resolvers.errors import BadInput, GatewayError, UpstreamError

MASKED: Final = "Something went wrong inside the gateway; its log has the reason under this answer's X-Request-ID."
"""Replaces the message of an unexpected error."""

MAX_MESSAGE: Final = 1_000
"""Characters of a message; GraphQL's messages quote the document, which may be most of a request."""

_PYTHONS_NULL: Final = "not to be None."
"""How graphql-core ends each message about a null in a place that takes none."""

_NULL: Final = "not to be null."

logger = logging.getLogger(__name__)


def report(errors: Iterable[GraphQLError], request_id: str) -> list[dict[str, Any]]:
    """Return the entries of `errors`, sorted by path.

    Args:
        errors: The errors of an execution, or of a document that was not executed.
        request_id: The request's id, under which masked errors are logged.
    """
    # Sorted, because the order in which errors occur differs from execution to execution.
    return [
        _shortened(_reported(error, request_id)) for error in sorted(errors, key=lambda error: tuple(error.path or ()))
    ]


def _shortened(error: dict[str, Any]) -> dict[str, Any]:
    message: str = error["message"]
    if len(message) > MAX_MESSAGE:
        error["message"] = f"{message[: MAX_MESSAGE - 1]}…"
    return error


def refusal_body(error: GatewayError) -> bytes:
    """Return the response to an operation that an error of the gateway's own refused."""
    return errors_body([entry_of(error)])


def internal_error_body() -> bytes:
    """Return the response to an operation that was not executed because of an unexpected error."""
    return errors_body([{"message": MASKED, "extensions": {"code": "INTERNAL"}}])


def errors_body(errors: list[dict[str, Any]]) -> bytes:
    """Return the response with these errors and no data."""
    return orjson.dumps({"errors": errors})


def entry_of(error: GatewayError) -> dict[str, Any]:
    """Return the entry of `errors` for an error of the gateway's own: message, code, and when to retry."""
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
    # An error without a path was found before any resolver ran, so it is about the client's document or variables.
    elif error.path is None or _is_about_input(error):
        # Only errors of variables have extensions.
        formatted["extensions"] = {"code": "BAD_INPUT", **(error.extensions or {})}
        formatted["message"] = error.message.replace(_PYTHONS_NULL, _NULL)
    else:
        logger.error("Request %s failed at %s", request_id, error.path, exc_info=cause or error)
        formatted["message"] = MASKED
        formatted["extensions"] = {"code": "INTERNAL"}
    return formatted


def _is_about_input(error: GraphQLError) -> bool:
    """Return whether execution refused an argument of a field or directive."""
    # Such errors are located at the value or directive, those of resolvers at the field. Validation allows a nullable
    # variable in a non-null position if one of both has a default, so a null is found only at execution.
    return any(isinstance(node, ValueNode | DirectiveNode) for node in error.nodes or ())


def _cause(error: GraphQLError) -> BaseException | None:
    """Return the exception that was raised; GraphQL wraps it once per level that it passes."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
