"""A schema taken apart into its named elements, so that two schemas can be compared one by one.

Both must have been read from SDL: only then are defaults kept as they were written.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    print_ast,
)

BUILT_IN_SCALARS = frozenset({"ID", "String", "Int", "Float", "Boolean"})


@dataclass(frozen=True)
class Element:
    """A type, field, argument, input field or enum value.

    Args:
        name: Its full name, such as `Query.node(id:)`.
        shape: What must not change: its kind or type, its default, what it implements.
        description: What clients read about it.
    """

    name: str
    shape: str
    description: str | None


def elements(schema: GraphQLSchema) -> Iterator[Element]:
    for named in schema.type_map.values():
        if not named.name.startswith("__") and named.name not in BUILT_IN_SCALARS:
            yield from _type(named)


def _type(named: GraphQLNamedType) -> Iterator[Element]:
    yield Element(named.name, _shape(named), named.description)
    if isinstance(named, GraphQLEnumType):
        for name, value in named.values.items():
            yield Element(f"{named.name}.{name}", "enum value", value.description)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield Element(f"{named.name}.{name}", _input_shape(field), field.description)
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in named.fields.items():
            yield from _field(f"{named.name}.{name}", field)


def _field(name: str, field: GraphQLField) -> Iterator[Element]:
    yield Element(name, str(field.type), field.description)
    for argument_name, argument in field.args.items():
        yield Element(f"{name}({argument_name}:)", _input_shape(argument), argument.description)


def _shape(named: GraphQLNamedType) -> str:
    interfaces = getattr(named, "interfaces", ())
    return f"{type(named).__name__} {sorted(one.name for one in interfaces)}"


def _input_shape(value: GraphQLArgument | GraphQLInputField) -> str:
    default = value.default
    if default is None or default.literal is None:
        return str(value.type)
    return f"{value.type} = {print_ast(default.literal)}"
