"""What an operation costs: an estimate of its upstream calls, made before the first of them.

The estimate is what the calls come to at most, with nothing cached: each page as full as asked for, each edge of each
record a call, and all that is read again, singly or elsewhere because a list of ids is refused, a record is missing or
a change is answered without it. Not in it is what nobody can know beforehand: retries, logins, and the calls that an
upstream causes by serving smaller pages than it is asked for; a budget is charged for those as well.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from graphql import GraphQLSchema, OperationDefinitionNode, OperationType

from gateway.operations.cost.records import Calls
from gateway.operations.cost.root_fields import MutationCost, QueryCost
from gateway.operations.cost.selection import Asked, SelectionReader, Values
from gateway.operations.documents.documents import Document
from gateway.operations.documents.request_limits import RequestCounts
from resolvers.context import utc_now
from resolvers.errors import OperationTooExpensive
from schema.prices import ListByArgument, ListOf, WholePage


class NodeCount:
    """Counts the objects of a response; estimate lifetime.

    Args:
        values: Of arguments and conditions.
    """

    def __init__(self, values: Values) -> None:
        self._values = values

    def of(self, below: Iterable[Asked], parents: int = 1, page: int = 1) -> int:
        """How many objects stand below some others.

        Args:
            below: What is asked of each.
            parents: How many these are.
            page: How many each of them has in its list, where it is a connection or a payload.
        """
        count = 0
        for asked in below:
            if asked.below and self._values.holds(asked.conditions):
                here, inner = parents, 1
                if asked.price.size is not None:
                    here, inner = parents * self._many(asked, page), self._values.page(asked)
                count += here + self.of(asked.below, here, inner)
        return count

    def _many(self, asked: Asked, page: int) -> int:
        size = asked.price.size
        if isinstance(size, WholePage):
            return page
        if isinstance(size, ListByArgument):
            return len(self._values.many(asked, size.argument))
        return size.count if isinstance(size, ListOf) else 1


MAX_COSTS: Final = 64
"""Sets of variables whose cost is remembered, for each operation of a document."""

MAX_VALUE_LENGTH: Final = 100
"""Characters of a variable's value with which a cost is remembered; longer ones do not come again."""

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class CostConfig:
    """What estimates depend on beside the operation; a value.

    Args:
        limit: Upstream calls that one operation may cost.
        max_nodes: Objects that its response may hold.
        sms_centres: How many data centres an SMS job is looked for in.
    """

    limit: int = 300
    max_nodes: int = 50_000
    sms_centres: int = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation is estimated to cost; a value.

    Args:
        estimate: Upstream calls in all.
        calls: How often each operation of an upstream is called.
        nodes: Objects in the response.
    """

    estimate: int
    calls: Calls
    nodes: int


class _Known:
    """What is known of the cost of one operation; document lifetime, bounded.

    Args:
        asked: What the operation asks for.
    """

    def __init__(self, asked: tuple[Asked, ...]) -> None:
        self.asked = asked
        self._names: tuple[str, ...] = ()
        self._costs: dict[tuple[Any, ...], Cost] = {}

    def cost(self, variables: Mapping[str, Any]) -> Cost | None:
        """What it costs with these variables, if that is known."""
        try:
            return self._costs.get(self._key(variables))
        except TypeError:  # A list or an object among them, which has no hash.
            return None

    def keep(self, variables: Mapping[str, Any], cost: Cost, names: Iterable[str]) -> None:
        """Remember what it costs.

        Args:
            variables: All variables.
            cost: What it costs with these.
            names: The variables that this depends on.
        """
        if not set(names) <= set(self._names):
            self._names = tuple({*self._names, *names})
            self._costs.clear()
        if len(self._costs) >= MAX_COSTS:
            self._costs.clear()
        key = self._key(variables)
        if not any(isinstance(value, str) and len(value) > MAX_VALUE_LENGTH for value in key):
            with suppress(TypeError):
                self._costs[key] = cost

    def _key(self, variables: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([variables.get(name, _ABSENT) for name in self._names])


class Costs:
    """Estimates operations; process lifetime.

    Args:
        schema: The fields of operations declare their prices in it.
        config: What estimates depend on.
        now: The wall clock.
        counts: Where refusals are counted.
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
        """What an operation is estimated to cost.

        Args:
            document: A valid one.
            operation: One of its operations.
            variables: As the client sent them.
        """
        name = operation.name.value if operation.name else None
        known: _Known | None = document.costs.get(name)
        if known is None:
            known = document.costs[name] = _Known(self._reader.asked_by(operation, document.fragments))
        given = {**(variables or {}), **document.literals} if document.literals else variables or {}
        return known.cost(given) or self._estimate(known, operation, given)

    def check(self, document: Document, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None) -> int:
        """The estimate of an operation that may be executed.

        Raises:
            OperationTooExpensive: it is above the limit, in calls or in nodes.
        """
        cost = self.of(document, operation, variables)
        if cost.estimate > self._config.limit:
            self._counts.calls += 1
            raise too_expensive(cost.estimate, self._config.limit)
        if cost.nodes > self._config.max_nodes:
            self._counts.nodes += 1
            raise too_expensive(cost.nodes, self._config.max_nodes, "nodes in its response")
        return cost.estimate

    def _estimate(self, known: _Known, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Cost:
        values = Values(operation, variables)
        calls = self._calls(operation, known.asked, values)
        cost = Cost(calls.total(), calls, NodeCount(values).of(known.asked))
        if not values.depends_on_time:
            known.keep(variables, cost, values.names)
        return cost

    def _calls(self, operation: OperationDefinitionNode, asked: tuple[Asked, ...], values: Values) -> Calls:
        if operation.operation is OperationType.MUTATION:
            changing = MutationCost(values, self._config.sms_centres)
            changing.ask(asked)
            return changing.asking.calls
        reading = QueryCost(values, self._config.sms_centres, self._now())
        if operation.operation is OperationType.QUERY:
            reading.ask(asked)
        else:
            reading.ask_events(asked)
        return reading.asking.calls


def too_expensive(estimate: int, limit: int, what: str = "upstream calls") -> OperationTooExpensive:
    """What an operation gets that may not be executed."""
    return OperationTooExpensive(
        f"This operation is estimated at {estimate} {what}, and the limit is {limit}; "
        "ask for smaller pages or for less of each record, or send several operations."
    )
