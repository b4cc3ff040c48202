"""The one schema, put together from its roots."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import strawberry
from graphql.execution import Executor
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from schema.declared_prices import require_declared_prices
from schema.mutation import Mutation
from schema.mutation_errors import Conflict, InvalidInput, NotAllowedNow, NotFound, RateLimited, UpstreamFailed
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription


def build_schema(
    queries: Sequence[type] = (),
    mutations: Sequence[type] = (),
    *,
    execution_context_class: type[Executor[Any]] | None = None,
    extensions: Iterable[type[SchemaExtension] | Callable[[], SchemaExtension]] = (),
) -> strawberry.Schema:
    """Return the schema that the gateway serves; process lifetime.

    Args:
        queries: Strawberry types whose fields `Query` gets, of upstreams from outside.
        mutations: Likewise, of `Mutation`.
        execution_context_class: How graphql-core executes an operation; its own way unless told.
        extensions: What Strawberry runs around each operation.

    Raises:
        UndeclaredCost: A field declares no price.
    """
    schema = strawberry.Schema(
        query=_with_fields(Query, queries),
        mutation=_with_fields(Mutation, mutations),
        subscription=Subscription,
        types=(InvalidInput, NotFound, Conflict, NotAllowedNow, RateLimited, UpstreamFailed),
        execution_context_class=execution_context_class,
        extensions=extensions,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    require_declared_prices(schema._schema)  # noqa: SLF001 - Strawberry has no public name for it
    return schema


def _with_fields(root: type, others: Sequence[type]) -> type:
    """Return a root type with the fields of others as well."""
    if not others:
        return root
    description = root.__strawberry_definition__.description  # type: ignore[attr-defined]  # set by Strawberry
    return strawberry.type(type(root.__name__, (root, *others), {}), description=description)
