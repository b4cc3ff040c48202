"""Executes an operation of a validated document."""

from inspect import isawaitable
from typing import Any, Protocol, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution import Executor
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.operations.documents.documents import Document
from gateway.operations.refused_inputs import refused_inputs
from resolvers.context import Context


class Execution(Protocol):
    """Something that executes operations; process lifetime."""

    async def execute(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult:
        """Execute one operation; errors are in the result."""
        ...


def core_schema(schema: Schema) -> GraphQLSchema:
    """The graphql-core schema inside Strawberry's."""
    return schema._schema  # noqa: SLF001 - Strawberry has no public name for it


class StandardExecution:
    """graphql-core's own execution, which covers everything; process lifetime."""

    def __init__(self, schema: GraphQLSchema, *, suggestions: bool = True) -> None:
        self._schema = schema
        self._suggestions = suggestions

    async def execute(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult:
        """Execute one operation; errors are in the result.

        A mutation whose input will be refused in any place is not begun.
        """
        node = document.node
        assert node is not None  # noqa: S101 - a document without a tree has errors and is not executed
        executor = self.executor(node, operation, variables, context)
        if not isinstance(executor, Executor):
            return ExecutionResult(None, executor)
        if operation.operation is OperationType.MUTATION and (refused := refused_inputs(executor)):
            return ExecutionResult(None, refused)
        result = executor.execute_operation()
        # The schema has no `@defer` and no `@stream`, so there is one result and no more.
        return cast("ExecutionResult", await result if isawaitable(result) else result)

    def executor(
        self,
        node: DocumentNode,
        operation: OperationDefinitionNode,
        variables: dict[str, Any] | None,
        context: Context,
    ) -> "Executor[Any] | list[GraphQLError]":
        """What executes one operation, or why its variables do not fit."""
        return StrawberryGraphQLCoreExecutionContext.build(
            self._schema,
            node,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation.name.value if operation.name else None,
            hide_suggestions=not self._suggestions,
        )
