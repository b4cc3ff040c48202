"""The two executions of the same generated operations, side by side."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from strawberry import Schema

from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.documents.documents import Documents
from gateway.operations.execution import Execution, StandardExecution, core_schema
from gateway.operations.responses.encoding import encode_part
from gateway.operations.responses.report import report
from resolvers.accounts import Account
from resolvers.context import Context
from resolvers.upstreams.call import CallScope
from tests.operations.generated import Generator
from tests.operations.simulated import UNBOUNDED


class Compared(NamedTuple):
    """One operation and its two responses.

    Args:
        query: The document.
        variables: As a client would send them.
        compiled: The response of compiled execution.
        standard: The response of graphql-core's.
    """

    query: str
    variables: dict[str, Any]
    compiled: bytes
    standard: bytes


def empty_context() -> Context:
    """Return the context of an operation without upstreams."""
    return Context(Account("own"), CallScope(asyncio.get_running_loop().time() + 60))


class Comparison:
    """Executes operations in both ways; lifetime: one test.

    Args:
        schema: What is executed.
        new_context: Makes the context of one operation.
    """

    def __init__(self, schema: Schema, new_context: Callable[[], Context]) -> None:
        self._documents = Documents(core_schema(schema), UNBOUNDED)
        self._new_context = new_context
        self.compiled = CompiledExecution(schema)
        self.standard = StandardExecution(core_schema(schema))

    async def of(self, generator: Generator, count: int) -> AsyncIterator[Compared]:
        """The responses to so many generated operations."""
        for _ in range(count):
            query, variables = generator.operation()
            # Once more, because the simulators take a moment to answer what they were not asked before, and errors
            # stand in the order in which they came.
            await self.response(self.standard, query, variables)
            standard = await self.response(self.standard, query, variables)
            compiled = await self.response(self.compiled, query, variables)
            yield Compared(query, variables, compiled, standard)

    async def response(self, execution: Execution, query: str, variables: dict[str, Any]) -> bytes:
        """What one way of execution comes to."""
        document = self._documents.get(query)
        assert not document.errors, (query, [error.message for error in document.errors])
        context = self._new_context()
        result = await execution.execute(document, document.operation(None), variables, context)
        context.close()
        return encode_part({"data": result.data, "errors": report(result.errors or (), "test")})
