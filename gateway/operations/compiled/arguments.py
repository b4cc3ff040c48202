"""Coerces arguments and variables: literals once for a document, the values of variables for each request.

Values are coerced as CoerceArgumentValues of the GraphQL specification says. What types decide is decided once for a
document. graphql-core's coercion and Strawberry's conversion are done in one pass: an input object becomes an instance
of its class, scalars and enums become what their types say.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from typing import Any, NamedTuple, TypeAlias, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    ListValueNode,
    Node,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_nullable_type,
    is_required_input_field,
    type_from_ast,
    visit,
)
from graphql.utilities import coerce_input_literal
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryMaybe, StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from gateway.operations.compiled.run import NotCovered

Coerce: TypeAlias = Callable[[Any], Any]
"""Turns a value as JSON gives it into what it means; raises NotCovered where it does not fit."""


class InputField(NamedTuple):
    """A field of an input object.

    Args:
        python_name: Of its class's attribute.
        type: What may stand there.
        required: Whether something must.
    """

    python_name: str
    type: GraphQLInputType
    required: bool


class InputObject:
    """How the objects of an input type are made; plan lifetime.

    Args:
        type_: The type.

    Raises:
        NotCovered: they are made in a special way.

    Attributes:
        fields: By the names that clients know.
    """

    def __init__(self, type_: GraphQLInputObjectType) -> None:
        definition: StrawberryObjectDefinition = type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
        if definition.from_input is not None or definition.is_one_of:
            raise NotCovered
        self._make = definition.origin
        self._absent: dict[str, Any] = {}
        self.fields: dict[str, InputField] = {}
        for name, field in type_.fields.items():
            known: StrawberryField = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            if isinstance(known.type, StrawberryMaybe):
                raise NotCovered
            self.fields[name] = InputField(known.python_name, field.type, is_required_input_field(field))
            if known.default_value is MISSING and known.default_factory is MISSING:
                self._absent[known.python_name] = None

    def made(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of the type's class
        """An object with these values of fields by their Python names; what is absent is its default or None."""
        return self._make(**{**self._absent, **values})


def coercion(type_: GraphQLInputType) -> Coerce:
    """A function for values of a type.

    Raises:
        NotCovered: the type is made in a special way.
    """
    if isinstance(type_, GraphQLNonNull):
        return _refusing_null(_coercion_of_present(type_.of_type))
    return _passing_null(_coercion_of_present(type_))


def _refusing_null(coerce: Coerce) -> Coerce:
    def coerce_required(value: Any) -> Any:  # noqa: ANN401 - see Coerce
        if value is None:
            raise NotCovered
        return coerce(value)

    return coerce_required


def _passing_null(coerce: Coerce) -> Coerce:
    return lambda value: None if value is None else coerce(value)


def _coercion_of_present(type_: GraphQLInputType) -> Coerce:
    if isinstance(type_, GraphQLList):
        return _coercion_of_list(coercion(type_.of_type))
    if isinstance(type_, GraphQLInputObjectType):
        return _coercion_of_object(InputObject(type_))
    return _coercion_of_leaf(cast("GraphQLLeafType", type_))


def _coercion_of_leaf(type_: GraphQLLeafType) -> Coerce:
    coerce = type_.coerce_input_value

    def coerce_leaf(value: Any) -> Any:  # noqa: ANN401 - see Coerce
        try:
            coerced = coerce(value)
        except Exception as error:
            # Scalars raise what they like; graphql-core says what the client is told of it.
            raise NotCovered from error
        if coerced is Undefined:
            raise NotCovered
        return coerced

    return coerce_leaf


def _coercion_of_list(coerce: Coerce) -> Coerce:
    """A single value stands for a list of one."""
    return lambda value: [coerce(item) for item in value] if isinstance(value, list) else [coerce(value)]


def _coercion_of_object(made: InputObject) -> Coerce:
    coercions = {name: (field.python_name, coercion(field.type)) for name, field in made.fields.items()}
    required = {name for name, field in made.fields.items() if field.required}

    def coerce_object(value: Any) -> Any:  # noqa: ANN401 - see Coerce
        if not isinstance(value, dict) or not required <= value.keys() <= coercions.keys():
            raise NotCovered
        values = {}
        for name, given in value.items():
            python_name, coerce = coercions[name]
            values[python_name] = coerce(given)
        return made.made(values)

    return coerce_object


def variables_in(node: Node) -> frozenset[str]:
    """The names of the variables anywhere in a node."""
    search = _Search()
    visit(node, search)
    return frozenset(search.names)


class _Search(Visitor):
    """Collects the names of variables; lifetime: one search."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)


Read: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Gives the value in a place, by the values of variables: Undefined where there is none; raises NotCovered."""


class Arguments:
    """The arguments of one field at one place; plan lifetime.

    What is left out is left to the defaults of the resolver's parameters: the schema has its own from them.

    Args:
        definition: The field.
        node: The field's node in the document.

    Raises:
        NotCovered: one cannot be read.
    """

    def __init__(self, definition: GraphQLField, node: FieldNode) -> None:
        self._reads: list[tuple[str, Read]] = []
        for given in node.arguments or ():
            argument = definition.args[given.name.value]
            known: StrawberryArgument = argument.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            if known.is_maybe:
                raise NotCovered
            self._reads.append((known.python_name, reading(given.value, argument.type)))

    def values(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """What the resolver is called with, by the names of its parameters.

        Raises:
            NotCovered: a value does not fit.
        """
        return _present(self._reads, variables)


def reading(node: ValueNode, type_: GraphQLInputType) -> Read:
    """A function that reads a value in a valid document.

    Args:
        node: The value.
        type_: What may stand there.

    Raises:
        NotCovered: it cannot be read.
    """
    if isinstance(node, VariableNode):
        return _variable(node.name.value, nullable=not isinstance(type_, GraphQLNonNull))
    inner = get_nullable_type(type_)
    if isinstance(inner, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        return _object(node, InputObject(inner))
    if isinstance(inner, GraphQLList) and not isinstance(node, NullValueNode):
        # A single value stands for a list of one.
        return _list(node.values if isinstance(node, ListValueNode) else (node,), inner.of_type)
    return _constant(node, type_)


def _constant(node: ValueNode, type_: GraphQLInputType) -> Read:
    if variables_in(node):
        # Free-form values may have some in them.
        raise NotCovered
    value = coerce_input_literal(node, type_)
    if value is Undefined:
        raise NotCovered
    return lambda _: value


def _variable(name: str, *, nullable: bool) -> Read:
    def read(variables: Mapping[str, Any]) -> Any:  # noqa: ANN401 - see Read
        value = variables.get(name, Undefined)
        if value is None and not nullable:
            raise NotCovered
        return value

    return read


def _list(nodes: Iterable[ValueNode], item: GraphQLInputType) -> Read:
    reads = [reading(node, item) for node in nodes]

    def read_list(variables: Mapping[str, Any]) -> list[Any]:
        values = [read(variables) for read in reads]
        return [None if value is Undefined else value for value in values]

    return read_list


def _object(node: ObjectValueNode, made: InputObject) -> Read:
    reads = []
    for given in node.fields:
        field = made.fields[given.name.value]
        reads.append((field.python_name, reading(given.value, field.type)))
    return lambda variables: made.made(_present(reads, variables))


def _present(reads: Iterable[tuple[str, Read]], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The values of those places that have one."""
    found = {}
    for name, read in reads:
        value = read(variables)
        if value is not Undefined:
            found[name] = value
    return found


class _Variable(NamedTuple):
    """One of them; `default` reads the value that it has where the client sends none."""

    name: str
    coerce: Coerce
    default: Read | None
    required: bool


class Variables:
    """The variables of one operation; plan lifetime.

    Args:
        schema: Has their types.
        operation: Defines them.

    Raises:
        NotCovered: there is one whose values are not compiled.
    """

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._variables = [_defined(schema, node) for node in operation.variable_definitions or ()]

    def values(self, given: Mapping[str, Any] | None, literals: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The value of each that has one, as resolvers take it; None where graphql-core has to say what does not fit.

        Args:
            given: As the client sent them.
            literals: The values of the variables that stand in the places of literals.
        """
        if not self._variables:
            return literals
        try:
            return {**self._values(given or {}), **literals}
        except NotCovered:
            return None

    def _values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for name, coerce, default, required in self._variables:
            if name in given:
                found[name] = coerce(given[name])
            elif default is not None:
                found[name] = default({})
            elif required:
                raise NotCovered
        return found


def _defined(schema: GraphQLSchema, node: VariableDefinitionNode) -> _Variable:
    type_ = cast("GraphQLInputType", type_from_ast(schema, node.type))
    default = None if node.default_value is None else reading(node.default_value, type_)
    return _Variable(node.variable.name.value, coercion(type_), default, isinstance(type_, GraphQLNonNull))
