"""Executes an operation of a validated document."""

from inspect import isawaitable
from typing import Any, Protocol, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.operations.documents.documents import Document
from gateway.operations.refused_inputs import refused_inputs
from resolvers.cache.reads import FIELD, ReadSet
from resolvers.context import Context
from resolvers.later import Later


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


class NotingExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, which notes where the values of stale reads are; operation lifetime.

    `context_value` is the operation's `Context`.
    """

    async def complete_awaitable_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: "GraphQLResolveInfo[Context]",
        path: Path,
        result: Any,  # noqa: ANN401 - any awaitable
        position_context: Any,  # noqa: ANN401 - of a kind that only graphql-core knows
    ) -> Any:  # noqa: ANN401 - JSON
        """Complete the value of a field that is awaited."""
        FIELD.set(path)
        completed = await super().complete_awaitable_value(
            return_type, field_details_list, info, path, result, position_context
        )
        self._note_stale(result, path)
        return completed

    async def complete_awaitable_list_item_value(
        self,
        item: Any,  # noqa: ANN401 - any awaitable
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: "GraphQLResolveInfo[Context]",
        item_path: Path,
        position_context: Any,  # noqa: ANN401 - of a kind that only graphql-core knows
    ) -> Any:  # noqa: ANN401 - JSON
        """Complete an item of a list that is awaited."""
        completed = await super().complete_awaitable_list_item_value(
            item, item_type, field_details_list, info, item_path, position_context
        )
        self._note_stale(item, item_path)
        return completed

    def _note_stale(self, awaited: Any, path: Path) -> None:  # noqa: ANN401 - any awaitable
        read_set: ReadSet = self.context_value.read_set
        read = awaited.source if isinstance(awaited, Later) else awaited
        if read in read_set.stale:
            read_set.placed(read, path)


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
        return NotingExecutor.build(
            self._schema,
            node,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation.name.value if operation.name else None,
            hide_suggestions=not self._suggestions,
        )
