"""Plans: what compiled execution has worked out about an operation of a document."""

import asyncio
from typing import Any, Final

from graphql import OperationType
from graphql.execution.values import VariableValues

from gateway.operations.compiled.collecting import Fields, condition_variables
from gateway.operations.compiled.fallback import NotCovered
from gateway.operations.compiled.objects import Selection
from gateway.operations.compiled.run import Compiled, Run
from resolvers.context import Context

MAX_VARIANTS: Final = 16
"""Plans of one operation, one for each set of values of the variables in `@skip` and `@include`."""


class Plan:
    """One operation of a document; lives as long as the document.

    Args:
        compiled: The operation and what it stands in.

    Raises:
        NotCovered: it is no query, or has something that is not compiled.
    """

    def __init__(self, compiled: Compiled) -> None:
        query_type, operation = compiled.schema.query_type, compiled.operation
        if operation.operation is not OperationType.QUERY or query_type is None or operation.directives:
            raise NotCovered
        self._compiled = compiled
        self._query_type = query_type
        self._conditions = sorted(condition_variables([operation, *compiled.fragments.values()]))
        self._variants: dict[tuple[bool, ...], Selection] = {}

    async def execute(
        self, variables: VariableValues, fixed: dict[object, dict[str, Any]], context: Context
    ) -> dict[str, Any]:
        """The operation's data.

        Args:
            variables: The coerced variables.
            fixed: What is known of the document's arguments; more is added.
            context: What the operation's resolvers share.

        Raises:
            NotCovered: this response is not covered.
            Exception: whatever a resolver raised.
        """
        run = Run(self._compiled, variables, fixed, context)
        try:
            data: dict[str, Any] = self._variant(variables).complete(None, run)
            await run.wait()
        except asyncio.CancelledError:
            run.abandon()
            raise
        return data

    def _variant(self, variables: VariableValues) -> Selection:
        key = tuple(bool(variables.coerced[name]) for name in self._conditions)
        selection = self._variants.get(key)
        if selection is None:
            if len(self._variants) >= MAX_VARIANTS:
                raise NotCovered
            schema, operation = self._compiled.schema, self._compiled.operation
            fields = Fields(schema, self._compiled.fragments, dict(zip(self._conditions, key, strict=True)))
            selection = self._variants[key] = Selection(schema, fields, self._query_type, [operation])
        return selection
