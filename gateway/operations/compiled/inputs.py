"""How a client's values become what resolvers take: as CoerceArgumentValues of the GraphQL specification says.

What types decide is decided once for a document. A value is coerced as graphql-core does it and made what Strawberry
makes of it in one go: an input object is an instance of its class, scalars and enums are what their types say.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any, NamedTuple, TypeAlias, cast

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
    is_required_input_field,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
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
