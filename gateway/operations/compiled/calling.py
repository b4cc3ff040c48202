"""How a field with a resolver is called: the way Strawberry calls it, with all that can be known beforehand known."""

from collections.abc import Callable
from typing import Any, cast

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from strawberry import Info
from strawberry.types.field import StrawberryField

from gateway.operations.compiled.arguments import Arguments
from gateway.operations.compiled.run import Run
from resolvers.context import Context


class ResolverCall:
    """One field with a resolver at one place of a document; plan lifetime.

    Args:
        parent_type: The type that the field belongs to.
        definition: The field.
        field: The same, as Strawberry knows it.
        nodes: The field's nodes in the document.
        response_name: Under which its value stands in the response.
        complete: Turns its value into its part of the response.

    Raises:
        NotCovered: an argument cannot be read.
    """

    def __init__(
        self,
        parent_type: GraphQLObjectType,
        definition: GraphQLField,
        field: StrawberryField,
        nodes: list[FieldNode],
        response_name: str,
        complete: Callable[[Any, Run], Any],
    ) -> None:
        resolver = field.base_resolver
        assert resolver is not None  # noqa: S101 - the only kind of field that gets here
        self._parent_type = parent_type
        self._definition = definition
        self._field = field
        self._nodes = nodes
        self._response_name = response_name
        self._complete = complete
        self._function = cast("Callable[..., Any]", resolver.wrapped_func)
        self._takes_self = resolver.self_parameter is not None
        self._parent_name = resolver.parent_parameter.name if resolver.parent_parameter else None
        self._info_name = resolver.info_parameter.name if resolver.info_parameter else None
        self._arguments = Arguments(definition, nodes[0])

    def resolve(self, record: Any, run: Run, out: dict[str, Any]) -> None:  # noqa: ANN401 - a record of any kind
        """Call the resolver, and put its completed value in its place now or when it comes."""
        known = run.calls.get(self)
        if known is None:
            known = run.calls[self] = self._prepare(run)
        arguments = known if self._parent_name is None else {**known, self._parent_name: record}
        value = self._function(record, **arguments) if self._takes_self else self._function(**arguments)
        run.settle(value, out, self._response_name, self._complete)

    def _prepare(self, run: Run) -> dict[str, Any]:
        """The keyword arguments that are the same for every record of one operation."""
        arguments = self._arguments.values(run.variables)
        if self._info_name is not None:
            arguments[self._info_name] = Info(_raw_info=self._info(run), _field=self._field)
        return arguments

    def _info(self, run: Run) -> "GraphQLResolveInfo[Context]":
        return run.info(self._nodes, self._definition.type, self._parent_type)
