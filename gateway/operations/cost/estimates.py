"""Estimates what an operation costs, in upstream calls and in response objects, before its first call.

Theory of operation
-------------------
The fields of the schema declare their prices (`schema/prices.py`). One walk adds them up for an operation::

    selection.py     operation -> priced fields, kept with the document     Values: arguments under one set of variables
    root_fields.py   root fields -> upstream calls                          records.py: the calls of records' own fields
    estimates.py     calls and response objects, compared with the limits, remembered for the same variables

An estimate is an upper bound with nothing cached: each page is as full as requested, each edge of each record takes a
call, and so does each record that is read again because a list of ids is refused, a record is missing or the response
to a change lacks it. It leaves out what cannot be known beforehand: retries, logins, and the further calls where an
upstream serves smaller pages than requested. Budgets are charged for those afterwards.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from graphql import GraphQLSchema, OperationDefinitionNode, OperationType

from gateway.operations.cost.records import Calls
from gateway.operations.cost.root_fields import MutationCost, QueryCost
from gateway.operations.cost.selection import PricedField, SelectionReader, Values
from gateway.operations.documents.documents import Document
from gateway.operations.documents.request_limits import RequestCounts
from resolvers.context import utc_now
from resolvers.errors import OperationTooExpensive
from schema.prices import ListByArgument, ListOf, WholePage


class NodeCount:
    """Counts the objects that a response can hold at most; lifetime: one estimate.

    A few calls can still multiply to many objects, by a list inside of another.

    Args:
        values: The values of arguments and conditions.
    """

    def __init__(self, values: Values) -> None:
        self._values = values

    def of(self, below: Iterable[PricedField], parents: int = 1, page: int = 1) -> int:
        """Return the number of objects below some parent objects.

        Args:
            below: The selected fields of each parent.
            parents: Number of parents.
            page: Length of each parent's list, where the parent is a connection or a payload.
        """
        count = 0
        for selected in below:
            if selected.below and self._values.holds(selected.conditions):
                here, inner = parents, 1
                if selected.price.size is not None:
                    here, inner = parents * self._many(selected, page), self._values.page(selected)
                count += here + self.of(selected.below, here, inner)
        return count

    def _many(self, selected: PricedField, page: int) -> int:
        size = selected.price.size
        if isinstance(size, WholePage):
            return page
        if isinstance(size, ListByArgument):
            return len(self._values.many(selected, size.argument))
        return size.count if isinstance(size, ListOf) else 1


MAX_COSTS: Final = 64
"""Sets of variables whose cost is remembered, per operation of a document."""

MAX_VALUE_LENGTH: Final = 100
"""Characters of a variable's value up to which a cost is remembered; longer values hardly repeat."""

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class CostConfig:
    """What estimates depend on beside the operation; a value.

    Args:
        limit: Upstream calls that one operation may cost.
        max_nodes: Objects that its response may hold.
        sms_centres: Number of data centres that are searched for an SMS job.
    """

    limit: int = 300
    max_nodes: int = 50_000
    sms_centres: int = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """The estimated cost of an operation; a value.

    Args:
        estimate: Total of upstream calls.
        calls: Calls by operation of an upstream.
        nodes: Objects in the response.
    """

    estimate: int
    calls: Calls
    nodes: int


class _CostMemo:
    """Remembers the costs of one operation by the variables that they depend on; document lifetime, bounded.

    Args:
        fields: The operation's root fields, with all below them.
    """

    def __init__(self, fields: tuple[PricedField, ...]) -> None:
        self.fields = fields
        self._names: tuple[str, ...] = ()
        self._costs: dict[tuple[Any, ...], Cost] = {}

    def cost(self, variables: Mapping[str, Any]) -> Cost | None:
        """Return the cost with these variables; None where it is not remembered."""
        try:
            return self._costs.get(self._key(variables))
        except TypeError:  # because a list or an object among the values has no hash
            return None

    def keep(self, variables: Mapping[str, Any], cost: Cost, names: Iterable[str]) -> None:
        """Remember a cost.

        Args:
            variables: The values of all variables.
            cost: The cost with these values.
            names: The variables that the cost depends on.
        """
        # Which variables matter can itself depend on their values, as under `@skip`: the key grows by each that did,
        # and the costs under shorter keys are dropped.
        if not set(names) <= set(self._names):
            self._names = tuple({*self._names, *names})
            self._costs.clear()
        # Cleared as a whole: cheaper than to note each use, and rare.
        if len(self._costs) >= MAX_COSTS:
            self._costs.clear()
        key = self._key(variables)
        # Long values would fill memory by the keys alone.
        if not any(isinstance(value, str) and len(value) > MAX_VALUE_LENGTH for value in key):
            with suppress(TypeError):
                self._costs[key] = cost

    def _key(self, variables: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([variables.get(name, _ABSENT) for name in self._names])


class Costs:
    """Estimates the cost of operations and refuses those above the limits; process lifetime.

    Args:
        schema: Its fields declare their prices.
        config: The limits.
        now: The wall clock.
        counts: Counters of refusals.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        config: CostConfig,
        now: Callable[[], datetime] = utc_now,
        counts: RequestCounts | None = None,
    ) -> None:
        self._reader = SelectionReader(schema)
        self._config = config
        self._counts = counts or RequestCounts()
        self._now = now

    @property
    def limit(self) -> int:
        """Upstream calls that one operation may cost."""
        return self._config.limit

    @property
    def max_nodes(self) -> int:
        """Objects that the response to one operation may hold."""
        return self._config.max_nodes

    def of(self, document: Document, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None) -> Cost:
        """Return the estimated cost of an operation.

        Args:
            document: A valid document.
            operation: One of its operations.
            variables: As the client sent them.
        """
        name = operation.name.value if operation.name else None
        memo: _CostMemo | None = document.costs.get(name)
        if memo is None:
            memo = document.costs[name] = _CostMemo(self._reader.priced_fields(operation, document.fragments))
        # Literals of a parameterized document are variables to its estimate, too.
        given = {**(variables or {}), **document.literals} if document.literals else variables or {}
        return memo.cost(given) or self._estimate(memo, operation, given)

    def check(self, document: Document, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None) -> int:
        """Return the estimated upstream calls of an operation that is within the limits.

        Raises:
            OperationTooExpensive: The operation is above the limit of calls or of nodes.
        """
        cost = self.of(document, operation, variables)
        if cost.estimate > self._config.limit:
            self._counts.calls += 1
            raise too_expensive(cost.estimate, self._config.limit)
        if cost.nodes > self._config.max_nodes:
            self._counts.nodes += 1
            raise too_expensive(cost.nodes, self._config.max_nodes, "nodes in its response")
        return cost.estimate

    def _estimate(self, memo: _CostMemo, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Cost:
        values = Values(operation, variables)
        calls = self._calls(operation, memo.fields, values)
        cost = Cost(calls.total(), calls, NodeCount(values).of(memo.fields))
        # A range of times without an end grows with the clock, so its cost is not remembered.
        if not values.depends_on_time:
            memo.keep(variables, cost, values.names)
        return cost

    def _calls(self, operation: OperationDefinitionNode, fields: tuple[PricedField, ...], values: Values) -> Calls:
        if operation.operation is OperationType.MUTATION:
            mutation = MutationCost(values, self._config.sms_centres)
            mutation.add(fields)
            return mutation.record_cost.calls
        query = QueryCost(values, self._config.sms_centres, self._now())
        if operation.operation is OperationType.QUERY:
            query.add(fields)
        else:
            query.add_events(fields)
        return query.record_cost.calls


def too_expensive(estimate: int, limit: int, what: str = "upstream calls") -> OperationTooExpensive:
    """Return the error for an operation that is above a limit."""
    return OperationTooExpensive(
        f"This operation is estimated at {estimate} {what}, and the limit is {limit}; "
        "ask for smaller pages or for less of each record, or send several operations."
    )
