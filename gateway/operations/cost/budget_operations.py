"""Charges callers for their operations."""

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.http.interface import Operations, Reply
from gateway.http.refusals import Header
from gateway.http.request import GraphQLRequest
from gateway.http.response import refusal
from gateway.operations.cost.budget import Budgets, BudgetSpent
from gateway.operations.cost.estimates import Costs
from gateway.operations.documents.documents import Documents
from gateway.operations.explain import TRACES, plan_asked_for
from resolvers.upstreams.call import CallTrace


class BudgetedOperations:
    """Runs operations that their callers' budgets allow; process lifetime.

    Args:
        operations: Runs them.
        documents: Where their documents are.
        costs: Estimates them.
        budgets: Charges for them.
    """

    def __init__(self, operations: Operations[Caller], documents: Documents, costs: Costs, budgets: Budgets) -> None:
        self._operations = operations
        self._documents = documents
        self._costs = costs
        self._budgets = budgets

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation.

        Raises:
            GatewayError: nothing was executed, and why.
        """
        try:
            charge = await self._budgets.charge(caller.name, self._estimate(request, scope))
        except BudgetSpent as spent:
            return with_headers(spent.headers, refusal(spent))
        traces: list[CallTrace] = []
        try:
            reply = await self._operations.run(request, {**scope, TRACES: traces}, caller)
        except Exception:
            await charge.settle(traces)
            raise
        # Where the client left, calls under way are in no trace: it is charged the estimate, or leaving would be free.
        return with_headers(await charge.settle(traces), reply)

    def _estimate(self, request: GraphQLRequest, scope: Scope) -> int:
        """What the operation is charged; what will not be run is free."""
        document = self._documents.get(request.query or "")
        if document.errors or plan_asked_for(scope):
            return 0
        return self._costs.check(document, document.operation(request.operation_name), request.variables)


def with_headers(headers: tuple[Header, ...], reply: Reply) -> Reply:
    """The reply with these headers as well."""
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))
