"""Executes an operation of a validated document."""

from inspect import isawaitable
from typing import Any, Protocol

from graphql import ExecutionResult, GraphQLSchema, OperationDefinitionNode, execute
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.operations.documents import Document
from resolvers.context import Context


class Execution(Protocol):
    """Something that executes operations; lives as long as its process."""

    async def execute(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult:
        """Execute one operation; errors are in the result."""
        ...


def core_schema(schema: Schema) -> GraphQLSchema:
    """The graphql-core schema inside Strawberry's."""
    return schema._schema  # noqa: SLF001 - Strawberry has no public name for it


class StandardExecution:
    """graphql-core's own execution, which covers everything; lives as long as its process."""

    def __init__(self, schema: GraphQLSchema, *, suggestions: bool = True) -> None:
        self._schema = schema
        self._suggestions = suggestions

    async def execute(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult:
        """Execute one operation; errors are in the result."""
        node = document.node
        assert node is not None  # noqa: S101 - a document without a tree has errors and is not executed
        result = execute(
            self._schema,
            node,
            context_value=context,
            variable_values=variables,
            operation_name=operation.name.value if operation.name else None,
            executor_class=StrawberryGraphQLCoreExecutionContext,
            hide_suggestions=not self._suggestions,
        )
        if isawaitable(result):
            return await result
        return result
