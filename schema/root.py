"""Builds the schema from its roots, and refuses one with a field that declares no price."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import UnionType
from typing import Any

import strawberry
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)
from graphql.execution import Executor
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from schema.mutation import Mutation
from schema.payloads import (
    Conflict,
    IdempotencyUnavailable,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    RateLimited,
    UpstreamFailed,
)
from schema.prices import Change, ListSize, PageSize, QueryCalls, RecordCalls, SubscriptionCalls, WholePage, price_of
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
    """Build the schema that the gateway serves; process lifetime.

    Args:
        queries: Strawberry types whose fields are added to `Query`, of upstreams from outside.
        mutations: Strawberry types whose fields are added to `Mutation`.
        execution_context_class: The class by which graphql-core executes operations; the default is its own.
        extensions: What Strawberry runs around each operation.

    Raises:
        UndeclaredCost: A field declares no price.
    """
    schema = strawberry.Schema(
        query=_with_fields(Query, queries),
        mutation=_with_fields(Mutation, mutations),
        subscription=Subscription,
        # Named here, because fields have only their interface, by which Strawberry does not find them.
        types=(InvalidInput, NotFound, Conflict, NotAllowedNow, RateLimited, UpstreamFailed, IdempotencyUnavailable),
        execution_context_class=execution_context_class,
        extensions=extensions,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    require_declared_prices(schema._schema)  # noqa: SLF001 - Strawberry has no public name for it
    return schema


def _with_fields(root: type, others: Sequence[type]) -> type:
    """Return a root type with the fields of other types added."""
    if not others:
        return root
    description = root.__strawberry_definition__.description  # type: ignore[attr-defined]  # set by Strawberry
    return strawberry.type(type(root.__name__, (root, *others), {}), description=description)


class UndeclaredCost(Exception):
    """The schema has fields without a declared price.

    Args:
        fields: Their names, such as `Query.deliveries`.
    """

    def __init__(self, fields: list[str]) -> None:
        super().__init__(
            f"No cost is declared for {', '.join(fields)}: give each field a price in its declaration, such as "
            "strawberry.field(..., metadata=priced(FREE)). schema/prices.py has the upstream calls that a field with a "
            "resolver may cost, and the sizes of lists and pages."
        )


def require_declared_prices(schema: GraphQLSchema) -> None:
    """Check that every field that may cause calls or holds a list declares its price.

    Raises:
        UndeclaredCost: A field declares no price, or one that a field of its parent type cannot have.
    """
    # A field without a price would be free in every estimate, whatever it costs upstream.
    undeclared = [
        f"{owner.name}.{name}"
        for owner, name, field in _fields(schema)
        if not (_has_calls(schema, owner, field) and _has_size(field) and _has_price_of_interfaces(owner, name, field))
    ]
    if undeclared:
        raise UndeclaredCost(undeclared)


def _fields(schema: GraphQLSchema) -> Iterator[tuple[GraphQLObjectType | GraphQLInterfaceType, str, GraphQLField]]:
    for owner in schema.type_map.values():
        # The types of introspection have no fields of ours.
        if isinstance(owner, GraphQLObjectType | GraphQLInterfaceType) and not owner.name.startswith("__"):
            for name, field in owner.fields.items():
                yield owner, name, field


def _has_calls(schema: GraphQLSchema, owner: GraphQLNamedType, field: GraphQLField) -> bool:
    calls = price_of(field).calls
    roots: dict[GraphQLNamedType | None, type | UnionType] = {
        schema.query_type: QueryCalls,
        schema.mutation_type: Change,
        schema.subscription_type: SubscriptionCalls,
    }
    if owner in roots:
        return isinstance(calls, roots[owner])
    return isinstance(calls, RecordCalls) or (calls is None and not _has_resolver(field))


def _has_resolver(field: GraphQLField) -> bool:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return isinstance(definition, StrawberryField) and definition.base_resolver is not None


def _has_size(field: GraphQLField) -> bool:
    size, named = price_of(field).size, get_named_type(field.type)
    if is_list_type(get_nullable_type(field.type)) and is_composite_type(named):
        return isinstance(size, ListSize)
    return isinstance(size, PageSize) or (size is None and not _is_page(named))


def _is_page(named: GraphQLNamedType) -> bool:
    fields = named.fields.values() if isinstance(named, GraphQLObjectType) else ()
    return any(isinstance(price_of(field).size, WholePage) for field in fields)


def _has_price_of_interfaces(owner: GraphQLObjectType | GraphQLInterfaceType, name: str, field: GraphQLField) -> bool:
    # A client may select the field through an interface, and is then charged by the interface's declaration.
    return all(
        price_of(interface.fields[name]) == price_of(field)
        for interface in owner.interfaces
        if name in interface.fields
    )
