"""Limits of all operations of one request batch together, beside those of each.

Without them, a batch would be a way to send ten times the operation that is refused on its own.
"""

from collections.abc import Coroutine
from typing import Any, Final

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.cost.estimates import Costs
from gateway.operations.diagnostics import requests_plan
from gateway.operations.documents.documents import Documents
from gateway.operations.documents.request_limits import RequestCounts
from gateway.operations.request import GraphQLRequest, Operations, Reply
from resolvers.errors import OperationTooExpensive

ALLOWANCE: Final = "gateway.batch_allowance"
"""The key of the ASGI scope under which the operations of a batch find their `BatchAllowance`."""


class BatchAllowance(msgspec.Struct):
    """What the operations of one batch have taken so far; request lifetime.

    Args:
        calls: Estimated upstream calls.
        nodes: Estimated objects.
    """

    calls: int = 0
    nodes: int = 0


class BatchLimits:
    """The step of the operation stack that bounds batches; process lifetime.

    Args:
        operations: The next step.
        documents: Parsed documents.
        costs: Estimates operations; its limits are those of a batch as well.
        counts: Counters of refusals.
    """

    def __init__(
        self, operations: Operations[Caller], documents: Documents, costs: Costs, counts: RequestCounts
    ) -> None:
        self._operations = operations
        self._documents = documents
        self._costs = costs
        self._counts = counts

    def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Coroutine[Any, Any, Reply]:
        """Run one operation of a batch.

        Raises:
            OperationTooExpensive: The estimates of the operations up to this one are above a limit.
            GatewayError: The operation was not executed.
        """
        # Before the step that lets equal queries share one execution, which this refusal must not reach.
        document = self._documents.get(request.query or "")
        if not document.errors and not requests_plan(scope):
            cost = self._costs.of(document, document.operation(request.operation_name), request.variables)
            self._take(scope[ALLOWANCE], cost.estimate, cost.nodes)
        return self._operations.run(request, scope, caller)

    def _take(self, allowance: BatchAllowance, calls: int, nodes: int) -> None:
        allowance.calls += calls
        allowance.nodes += nodes
        if allowance.calls > self._costs.limit:
            self._counts.calls += 1
            raise _refusal(f"{allowance.calls} upstream calls", self._costs.limit)
        if allowance.nodes > self._costs.max_nodes:
            self._counts.nodes += 1
            raise _refusal(f"{allowance.nodes} objects", self._costs.max_nodes)


def _refusal(estimate: str, limit: int) -> OperationTooExpensive:
    return OperationTooExpensive(
        f"The operations of this batch up to this one would come to {estimate}, and {limit} are allowed for all of "
        "them: send this one in a request of its own."
    )
