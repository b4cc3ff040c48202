"""Finds what execution will refuse of an operation's input, before any of its resolvers is called.

Validation and the coercion of variables let one mistake pass: a null in a variable that may be null, in a place where
none may stand. graphql-core meets it when it comes to that place: for a condition below a mutation's payload, only
after the change was made.
"""

from typing import TypeAlias, cast

from graphql import (
    GraphQLCompositeType,
    GraphQLError,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    located_error,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields, collect_subfields
from graphql.execution.values import get_argument_values

from resolvers.context import Context

_Path: TypeAlias = tuple[str, ...]


def refused_inputs(executor: "Executor[Context]") -> list[GraphQLError]:
    """The errors by the paths of their fields, which name no items of lists; empty where all can be executed.

    Args:
        executor: What is about to execute a valid operation with variables that fit.
    """
    has_null = any(value is None for value in executor.variable_values.coerced.values())
    return _Search(executor).errors() if has_null else []


class _Search:
    """Checks the inputs of one operation's fields; operation lifetime."""

    def __init__(self, executor: "Executor[Context]") -> None:
        self._executor = executor
        self._errors: dict[tuple[_Path, str], GraphQLError] = {}

    def errors(self) -> list[GraphQLError]:
        executor = self._executor
        root_type = executor.schema.get_root_type(executor.operation.operation)
        assert root_type is not None  # noqa: S101 - the operation is valid
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
        self._look_at(root_type, fields.grouped_field_set, ())
        return [*self._errors.values()]

    def _look_at(self, object_type: GraphQLObjectType, groups: GroupedFieldSet, parent: _Path) -> None:
        for response_name, details in groups.items():
            path = (*parent, response_name)
            try:
                self._look_into(object_type, details, path)
            except GraphQLError as error:
                nodes = [one.node for one in details]
                self._errors.setdefault((path, error.message), located_error(error, nodes, list(path)))

    def _look_into(self, object_type: GraphQLObjectType, details: FieldDetailsList, path: _Path) -> None:
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
            self._look_at(possible, below.grouped_field_set, path)

    def _possible(self, named_type: GraphQLCompositeType) -> "list[GraphQLObjectType]":
        if is_abstract_type(named_type):
            return list(self._executor.schema.get_possible_types(named_type))
        return [cast("GraphQLObjectType", named_type)]
