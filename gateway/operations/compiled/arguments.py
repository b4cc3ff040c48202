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
"""Coerces a value as decoded from JSON; raises NotCovered where the value is invalid."""


class InputField(NamedTuple):
    """A field of an input object.

    Args:
        python_name: The attribute of the input object's class.
        type: The type of its values.
        required: Whether a value must be given.
    """

    python_name: str
    type: GraphQLInputType
    required: bool


class InputObject:
    """Makes the Python objects of an input type; plan lifetime.

    Args:
        type_: The type.

    Raises:
        NotCovered: The type has a `from_input` of its own, is a oneOf, or has a field of Strawberry's `Maybe`.

    Attributes:
        fields: The fields by their GraphQL names.
    """

    def __init__(self, type_: GraphQLInputObjectType) -> None:
        definition: StrawberryObjectDefinition = type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
        # Strawberry and graphql-core check or convert these in steps of their own.
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
            # The class requires a value for a field without a default.
            if known.default_value is MISSING and known.default_factory is MISSING:
                self._absent[known.python_name] = None

    def made(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of the type's class
        """Return an object with these values, by Python name; an absent field has its default or None."""
        return self._make(**{**self._absent, **values})


def coercion(type_: GraphQLInputType) -> Coerce:
    """Return a function that coerces the values of a type.

    Raises:
        NotCovered: An input object in the type is not covered.
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
            # A scalar may raise any exception; graphql-core meets it again and makes the client's error of it.
            raise NotCovered from error
        if coerced is Undefined:
            raise NotCovered
        return coerced

    return coerce_leaf


def _coercion_of_list(coerce: Coerce) -> Coerce:
    # A single value is coerced to a list of one (GraphQL specification, Input Coercion of lists).
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


def variable_names(node: Node) -> frozenset[str]:
    """Return the names of all variables in a node."""
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
"""Returns a value of the document by the values of variables; Undefined where it is absent; raises NotCovered."""


class Arguments:
    """The arguments of one field in a document; plan lifetime.

    Args:
        definition: The field.
        node: The field's node in the document.

    Raises:
        NotCovered: An argument cannot be read by compiled code.
    """

    def __init__(self, definition: GraphQLField, node: FieldNode) -> None:
        self._reads: list[tuple[str, Read]] = []
        for given in node.arguments or ():
            argument = definition.args[given.name.value]
            known: StrawberryArgument = argument.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            # Strawberry wraps such a value, to tell an absent argument from a null.
            if known.is_maybe:
                raise NotCovered
            self._reads.append((known.python_name, reading(given.value, argument.type)))

    def values(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the resolver's arguments by the names of its parameters.

        Raises:
            NotCovered: A value is invalid.
        """
        # An absent argument is left to the default of the resolver's parameter, where the schema's default comes from.
        return _present(self._reads, variables)


def reading(node: ValueNode, type_: GraphQLInputType) -> Read:
    """Return a function that reads a value of a valid document.

    Args:
        node: The value.
        type_: The type of the value's position.

    Raises:
        NotCovered: The value cannot be read by compiled code.
    """
    if isinstance(node, VariableNode):
        return _variable(node.name.value, nullable=not isinstance(type_, GraphQLNonNull))
    inner = get_nullable_type(type_)
    if isinstance(inner, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        return _object(node, InputObject(inner))
    if isinstance(inner, GraphQLList) and not isinstance(node, NullValueNode):
        return _list(node.values if isinstance(node, ListValueNode) else (node,), inner.of_type)
    return _constant(node, type_)


def _constant(node: ValueNode, type_: GraphQLInputType) -> Read:
    if variable_names(node):
        # The values of a free-form scalar may contain variables, which only graphql-core substitutes.
        raise NotCovered
    value = coerce_input_literal(node, type_)
    if value is Undefined:
        raise NotCovered
    return lambda _: value


def _variable(name: str, *, nullable: bool) -> Read:
    def read(variables: Mapping[str, Any]) -> Any:  # noqa: ANN401 - see Read
        value = variables.get(name, Undefined)
        # Validation allows a nullable variable here if a default applies, so a null is found only now.
        if value is None and not nullable:
            raise NotCovered
        return value

    return read


def _list(nodes: Iterable[ValueNode], item: GraphQLInputType) -> Read:
    reads = [reading(node, item) for node in nodes]

    def read_list(variables: Mapping[str, Any]) -> list[Any]:
        values = [read(variables) for read in reads]
        # An absent variable in a list is a null (GraphQL specification, Input Coercion of lists).
        return [None if value is Undefined else value for value in values]

    return read_list


def _object(node: ObjectValueNode, made: InputObject) -> Read:
    reads = []
    for given in node.fields:
        field = made.fields[given.name.value]
        reads.append((field.python_name, reading(given.value, field.type)))
    return lambda variables: made.made(_present(reads, variables))


def _present(reads: Iterable[tuple[str, Read]], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are present, by name."""
    found = {}
    for name, read in reads:
        value = read(variables)
        if value is not Undefined:
            found[name] = value
    return found


class _Variable(NamedTuple):
    """A variable; `default` reads the value that applies where the client sends none."""

    name: str
    coerce: Coerce
    default: Read | None
    required: bool


class Variables:
    """The variables of one operation; plan lifetime.

    Args:
        schema: The schema, for the types of variables.
        operation: The operation that defines them.

    Raises:
        NotCovered: The type of a variable is not covered.
    """

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._variables = [_defined(schema, node) for node in operation.variable_definitions or ()]

    def values(self, given: Mapping[str, Any] | None, literals: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the coerced values by name; None where one is invalid, for graphql-core to report.

        Args:
            given: The values that the client sent.
            literals: The values of the variables that replace literals (`parameterized.py`).
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
                # Without variables, because a default is a constant.
                found[name] = default({})
            elif required:
                raise NotCovered
        return found


def _defined(schema: GraphQLSchema, node: VariableDefinitionNode) -> _Variable:
    type_ = cast("GraphQLInputType", type_from_ast(schema, node.type))
    default = None if node.default_value is None else reading(node.default_value, type_)
    return _Variable(node.variable.name.value, coercion(type_), default, isinstance(type_, GraphQLNonNull))
