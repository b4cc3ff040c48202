"""Executes an operation of a validated document with graphql-core, which covers everything.

`NotingExecutor` notes where in the response the values of stale reads are, for `responses/stale_paths.py`.

Validation and the coercion of variables accept one mistake: a null in a nullable variable that is used where null is
not allowed. graphql-core refuses it only when it reaches that field: for a condition below a mutation's payload, after
the change was made. `refused_inputs` finds these errors before the first resolver is called.
"""

from inspect import isawaitable
from typing import Any, Protocol, TypeAlias, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLCompositeType,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    located_error,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields, collect_subfields
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.operations.documents.documents import Document
from gateway.operations.documents.variable_errors import variable_errors
from gateway.operations.field_waits import FieldWaits
from resolvers.cache.reads import FIELD, ReadSet
from resolvers.context import Context
from resolvers.later import Later


class Execution(Protocol):
    """Executes operations; process lifetime."""

    async def execute(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult:
        """Execute one operation; errors are in the result."""
        ...


def core_schema(schema: Schema) -> GraphQLSchema:
    """Return the graphql-core schema inside Strawberry's."""
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
        carried = self.context_value.scope.context
        recorder = None if carried is None else carried.recorder
        awaited = recorder.timed(path, result) if isinstance(recorder, FieldWaits) else result
        completed = await super().complete_awaitable_value(
            return_type, field_details_list, info, path, awaited, position_context
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
        # Reads are noted by the futures that loaders return.
        read = awaited.source if isinstance(awaited, Later) else awaited
        if read in read_set.stale:
            read_set.placed(read, path)


class StandardExecution:
    """Executes operations with graphql-core; process lifetime.

    Args:
        schema: The schema that documents were validated against.
        suggestions: Whether errors may suggest names of the schema.
    """

    def __init__(self, schema: GraphQLSchema, *, suggestions: bool = True) -> None:
        self._schema = schema
        self._suggestions = suggestions

    async def execute(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult:
        """Execute one operation; errors are in the result.

        A mutation with an input that will be refused anywhere is not begun.
        """
        node = document.node
        assert node is not None  # noqa: S101 - a document without a tree has errors and is not executed
        executor = self.executor(node, operation, variables, context)
        if not isinstance(executor, Executor):
            return ExecutionResult(None, executor)
        # A query needs no check in advance, because an error in the middle of it has changed nothing.
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
        """Return an executor for one operation, or the errors of its variables."""
        built = NotingExecutor.build(
            self._schema,
            node,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation.name.value if operation.name else None,
            hide_suggestions=not self._suggestions,
        )
        if isinstance(built, Executor):
            return built
        return variable_errors(self._schema, built, variables or {}, suggestions=self._suggestions)


_Path: TypeAlias = tuple[str, ...]


def refused_inputs(executor: "Executor[Context]") -> list[GraphQLError]:
    """Return the errors of inputs that execution would refuse; their paths leave out the indexes of list items.

    Args:
        executor: The executor of a valid operation whose variables are coerced.
    """
    # Only a null passes validation and coercion and is refused later, so without one there is nothing to find.
    has_null = any(value is None for value in executor.variable_values.coerced.values())
    return _InputCheck(executor).errors() if has_null else []


class _InputCheck:
    """Checks the arguments and conditions of an operation's fields as execution would; operation lifetime."""

    def __init__(self, executor: "Executor[Context]") -> None:
        self._executor = executor
        self._errors: dict[tuple[_Path, str], GraphQLError] = {}

    def errors(self) -> list[GraphQLError]:
        executor = self._executor
        root_type = executor.schema.get_root_type(executor.operation.operation)
        assert root_type is not None  # noqa: S101 - the operation is valid
        # By graphql-core's own functions, so that messages and paths are those of its execution.
        try:
            fields = collect_fields(
                executor.schema,
                executor.fragments,
                executor.variable_values,
                root_type,
                executor.operation,
                executor.hide_suggestions,
            )
        except GraphQLError as error:
            return [error]
        self._check_fields(root_type, fields.grouped_field_set, ())
        return [*self._errors.values()]

    def _check_fields(self, object_type: GraphQLObjectType, groups: GroupedFieldSet, parent: _Path) -> None:
        for response_name, details in groups.items():
            path = (*parent, response_name)
            try:
                self._check_field(object_type, details, path)
            except GraphQLError as error:
                nodes = [one.node for one in details]
                # Several possible types of a parent meet the same error at the same path.
                self._errors.setdefault((path, error.message), located_error(error, nodes, list(path)))

    def _check_field(self, object_type: GraphQLObjectType, details: FieldDetailsList, path: _Path) -> None:
        executor = self._executor
        node = details[0].node
        definition = executor.schema.get_field(object_type, node.name.value)
        if definition is None:
            return
        get_argument_values(definition, node, executor.variable_values, hide_suggestions=executor.hide_suggestions)
        named_type = get_named_type(definition.type)
        for possible in self._possible(named_type) if is_composite_type(named_type) else ():
            below = collect_subfields(
                executor.schema,
                executor.fragments,
                executor.variable_values,
                executor.operation,
                possible,
                details,
                executor.hide_suggestions,
            )
            self._check_fields(possible, below.grouped_field_set, path)

    def _possible(self, named_type: GraphQLCompositeType) -> "list[GraphQLObjectType]":
        if is_abstract_type(named_type):
            return list(self._executor.schema.get_possible_types(named_type))
        return [cast("GraphQLObjectType", named_type)]
