"""Which fields of a response were made of stale records, and how old those are."""

from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from graphql import GraphQLResolveInfo, GraphQLSchema, OperationDefinitionNode, execute
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.operations.documents.documents import Document
from resolvers.context import Context
from resolvers.stale_fields import FIELD, Path, StaleFields, place, recorded


async def stale_paths(
    schema: GraphQLSchema,
    document: Document,
    operation: OperationDefinitionNode,
    variables: dict[str, Any] | None,
    context: Context,
) -> list[dict[str, Any]]:
    """What `extensions.gateway.stale` tells; empty where nothing was stale.

    The operation is executed once more, which costs no upstream call, since its loaders hold whatever it read: nothing
    need be noted for the many operations that get no stale record.

    Args:
        schema: graphql-core's.
        document: The document.
        operation: The query that was executed.
        variables: As the client sent them.
        context: The query's, not yet closed.
    """
    node = document.node if context.stale else None
    if node is None:
        return []
    fields = StaleFields(context.stale)
    result = execute(
        schema,
        node,
        context_value=recorded(context, fields),
        variable_values=variables,
        operation_name=operation.name.value if operation.name else None,
        middleware=[_within_field],
        executor_class=StrawberryGraphQLCoreExecutionContext,
    )
    if isawaitable(result):
        await result
    return [{"path": list(path), "ageSeconds": round(age, 3)} for path, age in fields.ages.items()]


def _within_field(resolve: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:  # noqa: ANN401 - graphql-core's
    path = tuple(info.path.as_list())
    token = FIELD.set(path)
    try:
        value = resolve(source, info, **arguments)
    finally:
        FIELD.reset(token)
    place(value, path)
    return _awaited(path, value) if isawaitable(value) else value


async def _awaited(path: Path, value: Any) -> Any:  # noqa: ANN401 - any field's value
    token = FIELD.set(path)
    try:
        found = await value
    finally:
        FIELD.reset(token)
    place(found, path)
    return found
