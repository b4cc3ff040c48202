"""Refuses a schema with a field of which no estimate knows: it would be free, whatever it costs."""

from collections.abc import Iterator
from typing import Final

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from gateway.operations.cost.mutations import CHANGES
from gateway.operations.cost.nodes import CONNECTIONS, LISTS
from gateway.operations.cost.queries import BY_ID, FIELDS, SINGLE
from gateway.operations.cost.records import EDGES

FREE: Final = frozenset({"upstreams"})
"""Fields of Query that ask no upstream."""

JOB_FIELDS: Final = frozenset(
    {("SmsJob", "recipients"), ("SmsJob", "recipientSummary"), ("SmsJob", "regarding"), ("Recipient", "job")}
)
"""Edges that `Asking` knows by name."""

PAGES: Final = (("Connection", "nodes"), ("Connection", "edges"), ("Payload", "tasks"))
"""Lists whose size the field above them gives, by the end of their type's name."""


class UndeclaredCost(Exception):
    """A schema has fields without a declared cost.

    Args:
        fields: Which, such as `Query.deliveries`.
    """

    def __init__(self, fields: list[str]) -> None:
        super().__init__(
            f"No cost is declared for {', '.join(fields)}: add it to the tables in gateway/operations/cost/queries.py, "
            "cost_mutations.py, cost_records.py (calls) or cost_nodes.py (sizes of lists)."
        )


def require_declared_costs(schema: GraphQLSchema) -> None:
    """Look at every field that may cost calls or be a list.

    Raises:
        UndeclaredCost: the cost of one is not declared.
    """
    undeclared = [
        f"{owner.name}.{name}"
        for owner, name, field in _fields(schema)
        if not (_has_calls(schema, owner, name, field) and _has_size(schema, owner, name, field))
    ]
    if undeclared:
        raise UndeclaredCost(undeclared)


def _fields(schema: GraphQLSchema) -> Iterator[tuple[GraphQLObjectType, str, GraphQLField]]:
    for owner in schema.type_map.values():
        if isinstance(owner, GraphQLObjectType) and not owner.name.startswith("__"):
            for name, field in owner.fields.items():
                yield owner, name, field


def _has_calls(schema: GraphQLSchema, owner: GraphQLObjectType, name: str, field: GraphQLField) -> bool:
    if owner is schema.query_type:
        return name in SINGLE or name in BY_ID or name in FIELDS or name in FREE
    if owner is schema.mutation_type:
        return name in CHANGES
    if owner is schema.subscription_type:
        return name == "statusChanged"
    return not _sees_context(field) or (owner.name, name) in EDGES or (owner.name, name) in JOB_FIELDS


def _has_size(schema: GraphQLSchema, owner: GraphQLObjectType, name: str, field: GraphQLField) -> bool:
    named = get_named_type(field.type)
    if named.name.endswith("Connection"):
        return name in CONNECTIONS
    if not is_list_type(get_nullable_type(field.type)) or not is_composite_type(named) or name in LISTS:
        return True
    if owner is schema.query_type:
        return name == "nodes"
    return any(owner.name.endswith(ending) and name == page for ending, page in PAGES)


def _sees_context(field: GraphQLField) -> bool:
    """Whether its resolver takes `info`, without which it reaches no upstream."""
    definition = field.extensions.get("strawberry-definition")
    resolver = getattr(definition, "base_resolver", None)
    return resolver is not None and resolver.info_parameter is not None
