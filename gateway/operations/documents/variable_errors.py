"""Writes the errors of variables: where the value is, what must be there, and what was found, as JSON.

graphql-core decides whether the values of variables are valid. Its messages quote Python's form of a value and the
whole object around it, so each value that it refuses is looked through here once more.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLFloat,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    VariableDefinitionNode,
    get_nullable_type,
    is_required_input_field,
    type_from_ast,
)
from graphql.pyutils import did_you_mean, suggestion_list

from resolvers.quoting import MAX_QUOTED, quoted

MAX_ERRORS: Final = 50
"""Errors of one request that are reported; a list may have thousands of items that are all wrong in the same way."""

PATH_EXTENSION: Final = "variablePath"
"""The extension of an error that has the path of the value, the name of the variable first."""

_Path: TypeAlias = tuple[str | int, ...]
_Problem: TypeAlias = tuple[_Path, str]

_RANGES: Final = {
    GraphQLInt.name: "a whole number from -2147483648 to 2147483647",
    GraphQLFloat.name: "a number that a 64-bit float can hold",
}


def variable_errors(
    schema: GraphQLSchema,
    errors: Sequence[GraphQLError],
    variables: Mapping[str, Any],
    *,
    suggestions: bool,
) -> list[GraphQLError]:
    """Return the errors of variables in the words of this module.

    Args:
        schema: The schema.
        errors: The errors that graphql-core found; each is about the definition of a variable, or has none.
        variables: The values as the client sent them.
        suggestions: Whether messages may suggest names of the schema.

    Returns:
        At most `MAX_ERRORS`; each has the path of the value in its extensions.
    """
    found: list[GraphQLError] = []
    seen: set[str] = set()
    for error in errors:
        node = next(iter(error.nodes or ()), None)
        if not isinstance(node, VariableDefinitionNode):
            found.append(error)
        elif node.variable.name.value not in seen:
            seen.add(node.variable.name.value)
            found += list(_errors_of(schema, node, variables, suggestions=suggestions)) or [error]
    return found[:MAX_ERRORS]


def _errors_of(
    schema: GraphQLSchema, node: VariableDefinitionNode, variables: Mapping[str, Any], *, suggestions: bool
) -> Iterator[GraphQLError]:
    name = node.variable.name.value
    type_ = cast("GraphQLInputType", type_from_ast(schema, node.type))
    value = variables.get(name, Undefined)
    check = _Check(suggestions=suggestions)
    for path, message in check.problems(value, type_, (name,)):
        steps = [str(step) for step in path]
        yield GraphQLError(f"{written(path)} {message}", node, extensions={PATH_EXTENSION: steps})


def written(path: _Path) -> str:
    """Return the path of a value as messages write it, such as `$input.tasks[2].weight`."""
    first, *others = path
    return f"${first}" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in others)


def _shortened(name: str) -> str:
    # The client's own, which may be most of its request.
    return name if len(name) <= MAX_QUOTED else f"{name[:MAX_QUOTED]}..."


class _Check:
    """Finds what is wrong with a value; lifetime: the check of one variable.

    Args:
        suggestions: Whether messages may suggest names of the schema.
    """

    def __init__(self, *, suggestions: bool) -> None:
        self._suggestions = suggestions

    def problems(self, value: Any, type_: GraphQLInputType, path: _Path) -> Iterator[_Problem]:  # noqa: ANN401 - any JSON
        """Yield what is wrong with a value and the values in it, in their order."""
        if value is None or value is Undefined:
            if isinstance(type_, GraphQLNonNull):
                yield path, f"{'must not be null' if value is None else 'is missing'}; its type is {type_}."
            return
        inner = get_nullable_type(type_)
        if isinstance(inner, GraphQLList):
            yield from self._of_list(value, inner, path)
        elif isinstance(inner, GraphQLInputObjectType):
            yield from self._of_object(value, inner, path)
        else:
            yield from self._of_leaf(value, cast("GraphQLLeafType", inner), path)

    def _of_list(self, value: Any, type_: "GraphQLList[Any]", path: _Path) -> Iterator[_Problem]:  # noqa: ANN401 - see above
        # A single value stands for a list of one (GraphQL specification, Input Coercion of lists).
        if not isinstance(value, list):
            yield from self.problems(value, type_.of_type, path)
            return
        for index, item in enumerate(value):
            yield from self.problems(item, type_.of_type, (*path, index))

    def _of_object(self, value: Any, type_: GraphQLInputObjectType, path: _Path) -> Iterator[_Problem]:  # noqa: ANN401 - see above
        if not isinstance(value, dict):
            yield path, f"must be an object, of the type {type_}, not {quoted(value)}."
            return
        for name, field in type_.fields.items():
            if name in value or is_required_input_field(field):
                yield from self.problems(value.get(name, Undefined), field.type, (*path, name))
        for name in value:
            if name not in type_.fields:
                yield (*path, _shortened(name)), f"is not a field of {type_}.{self._did_you_mean(name, type_.fields)}"

    def _of_leaf(self, value: Any, type_: GraphQLLeafType, path: _Path) -> Iterator[_Problem]:  # noqa: ANN401 - see above
        try:
            if type_.coerce_input_value(value) is not Undefined:
                return
            reason = ""
        except GraphQLError:
            # Those of GraphQL's own scalars quote Python's form of the value.
            reason = f" It must be {_RANGES[type_.name]}." if type_.name in _RANGES else ""
        except Exception as error:  # noqa: BLE001 - a scalar may raise any exception
            # The scalars' own say what to write.
            reason = f" {error}" if isinstance(error, ValueError) else ""
        if isinstance(type_, GraphQLEnumType):
            reason = self._did_you_mean(value, type_.values) if isinstance(value, str) else ""
        yield path, f"cannot be {quoted(value)}; its type is {type_}.{reason}"

    def _did_you_mean(self, word: str, known: Mapping[str, object]) -> str:
        return did_you_mean(suggestion_list(word[:100], list(known))) if self._suggestions else ""
