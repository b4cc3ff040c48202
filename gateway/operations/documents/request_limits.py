"""Bounds on a request's text and variables, looked at before anything that takes time by their size.

Parsing goes through a document character by character, and coercion through variables value by value, while the
process serves nobody else: a comment of 1 MB takes a third of a second, a list of half a million ids more than one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from graphql import OperationDefinitionNode

from gateway.operations.documents.documents import Document
from gateway.operations.request import GraphQLRequest, RequestTooLarge

_CONTAINERS: Final = (dict, list)


class RequestCounts(msgspec.Struct):
    """Requests refused for their size; counters that only grow, and live as long as their process.

    Args:
        document: For the bytes of their documents.
        variables: For the number of values in their variables and extensions.
        calls: For the upstream calls that they are estimated at.
        nodes: For the nodes that they are estimated at.
        response: For the bytes of their response.
        sms: For the SMS that they would send: more than a whole quota.
    """

    document: int = 0
    variables: int = 0
    calls: int = 0
    nodes: int = 0
    response: int = 0
    sms: int = 0


class RequestLimits:
    """Refuses requests that are too large to be looked into; process lifetime.

    Args:
        document_bytes: What a document may have, in UTF-8.
        variable_values: JSON values that variables may have, and extensions: objects and lists, and all that they hold.
            A variable that an operation uses several times counts as often.
        counts: Where refusals are counted.
    """

    def __init__(self, document_bytes: int, variable_values: int, counts: RequestCounts) -> None:
        self._document_bytes = document_bytes
        self._variable_values = variable_values
        self._counts = counts
        # A value takes a byte at least, and another that parts it from the next.
        self._harmless_bytes = min(document_bytes, 2 * variable_values)

    def admit(self, request: GraphQLRequest) -> bool:
        """Whether a request's sizes are within the limits; counts nothing."""
        return self._is_small(request) or (
            not self._is_document_too_large(request) and self._too_large_part(request) is None
        )

    def check(self, request: GraphQLRequest) -> None:
        """Refuse a request that is too large, and count it.

        Raises:
            RequestTooLarge: One of its sizes is above its limit.
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
        """Look at how much an operation makes of its variables.

        Raises:
            RequestTooLarge: They have too many values, counted in each place that uses them.
        """
        limit = self._variable_values
        given = variables or {}
        sizes = {name: _values_in(value, limit) for name, value in given.items() if isinstance(value, _CONTAINERS)}
        uses = document.variable_uses(operation)
        if uses.default_sizes:
            sizes |= {name: size for name, size in uses.default_sizes.items() if name not in given}
        if sizes and sum(uses.places[name] * size for name, size in sizes.items()) > limit:
            self._counts.variables += 1
            raise RequestTooLarge(
                f"The variables have more than the {self._variable_values} values that are accepted, "
                "counted as often as the operation uses them; use large ones less often."
            )

    def _is_small(self, request: GraphQLRequest) -> bool:
        """Whether the text of a request is too short to hold more than is accepted, as nearly all are."""
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
        # A character has up to four bytes.
        return len(text) * 4 > self._document_bytes and len(text.encode()) > self._document_bytes


def _values_in(parameter: dict[str, Any] | list[Any], limit: int) -> int:
    """How many values there are in it; ends once they are more than the limit."""
    waiting = [parameter]
    values = 0
    while waiting and values <= limit:
        container = waiting.pop()
        values += len(container)
        inner: Iterable[Any] = container.values() if isinstance(container, dict) else container
        waiting += [value for value in inner if isinstance(value, _CONTAINERS)]
    return values
