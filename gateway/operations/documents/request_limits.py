"""Limits of a request's document and variables, checked before any step whose time grows with their size.

The process serves no other request while it parses a document or coerces variables: a comment of 1 MB takes a third of
a second, a list of half a million ids more than one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from graphql import OperationDefinitionNode

from gateway.operations.documents.documents import Document
from gateway.operations.request import GraphQLRequest, RequestTooLarge

_CONTAINERS: Final = (dict, list)


class RequestCounts(msgspec.Struct):
    """Counts requests that were refused for their size; process lifetime.

    Args:
        document: Refusals by the bytes of the document.
        variables: Refusals by the number of values in variables and extensions.
        calls: Refusals by the estimated upstream calls.
        nodes: Refusals by the estimated nodes of the response.
        response: Refusals by the bytes of the response.
        sms: Refusals of jobs with more SMS than a whole quota.
    """

    document: int = 0
    variables: int = 0
    calls: int = 0
    nodes: int = 0
    response: int = 0
    sms: int = 0


class RequestLimits:
    """Refuses requests that are too large to be processed; process lifetime.

    Args:
        document_bytes: Bytes of a document in UTF-8.
        variable_values: JSON values in all variables, and in the extensions. A variable counts once per use in the
            operation.
        counts: Counters of refusals.
    """

    def __init__(self, document_bytes: int, variable_values: int, counts: RequestCounts) -> None:
        self._document_bytes = document_bytes
        self._variable_values = variable_values
        self._counts = counts
        # A JSON value takes at least one byte, and another to separate it from the next.
        self._harmless_bytes = min(document_bytes, 2 * variable_values)

    def admit(self, request: GraphQLRequest) -> bool:
        """Return whether a request's sizes are within the limits; counts no refusal."""
        return self._is_small(request) or (
            not self._is_document_too_large(request) and self._too_large_part(request) is None
        )

    def check(self, request: GraphQLRequest) -> None:
        """Refuse and count a request that is too large.

        Raises:
            RequestTooLarge: A size of the request is above its limit.
        """
        if self._is_small(request):
            return
        if self._is_document_too_large(request):
            self._counts.document += 1
            raise RequestTooLarge(f"The document is larger than the {self._document_bytes} bytes that are accepted.")
        if (name := self._too_large_part(request)) is not None:
            self._counts.variables += 1
            raise RequestTooLarge(f"The {name} have more than the {self._variable_values} values that are accepted.")

    def check_uses(
        self, document: Document, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None
    ) -> None:
        """Refuse and count an operation whose variables are too large for the number of their uses.

        Raises:
            RequestTooLarge: The variables have too many values, counted once per use.
        """
        limit = self._variable_values
        given = variables or {}
        # Of lists and objects only: a plain value is cheap to coerce, however often it is used.
        sizes = {name: _values_in(value, limit) for name, value in given.items() if isinstance(value, _CONTAINERS)}
        uses = document.variable_uses(operation)
        if uses.default_sizes:
            sizes |= {name: size for name, size in uses.default_sizes.items() if name not in given}
        # Coercion copies a list or object at each use, so size and number of uses multiply.
        if sizes and sum(uses.places[name] * size for name, size in sizes.items()) > limit:
            self._counts.variables += 1
            raise RequestTooLarge(
                f"The variables have more than the {self._variable_values} values that are accepted, "
                "counted as often as the operation uses them; use large ones less often."
            )

    def _is_small(self, request: GraphQLRequest) -> bool:
        """Return whether the whole text of a request is too short to exceed a limit, as it nearly always is."""
        return request.size is not None and request.size <= self._harmless_bytes

    def _too_large_part(self, request: GraphQLRequest) -> str | None:
        for name in ("variables", "extensions"):
            given = getattr(request, name)
            if given and _values_in(given, self._variable_values) > self._variable_values:
                return name
        return None

    def _is_document_too_large(self, request: GraphQLRequest) -> bool:
        text = request.query
        if text is None:
            return False
        if len(text) > self._document_bytes:
            return True
        # Encoded only where it matters, because a character has at most four bytes.
        return len(text) * 4 > self._document_bytes and len(text.encode()) > self._document_bytes


def _values_in(parameter: dict[str, Any] | list[Any], limit: int) -> int:
    """Return the number of JSON values in a container; ends early above the limit."""
    # A stack instead of recursion, because clients choose the depth.
    waiting = [parameter]
    values = 0
    while waiting and values <= limit:
        container = waiting.pop()
        values += len(container)
        inner: Iterable[Any] = container.values() if isinstance(container, dict) else container
        waiting += [value for value in inner if isinstance(value, _CONTAINERS)]
    return values
