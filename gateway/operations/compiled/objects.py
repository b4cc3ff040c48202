"""Generates the functions that turn records into responses: one per selection, object type and class of record.

Theory of operation
-------------------
The source of a function is one dict display, in which a field without a resolver is one expression. A field with a
resolver is None in it, which keeps the order of the response, and is called afterwards. For
`{ id price { amount } recipients { totalCount } }` the source reads, in essence::

    def complete(r, run):
        out = {
            "id": (v0 if (v0 := get_id(r)).__class__ is str else serialize_ID(v0)),
            "price": (None if (v1 := r.price) is None else complete_1(v1, run)),
            "recipients": None,
        }
        resolve_2(r, run, out)
        return out
"""

from operator import attrgetter
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_leaf_type,
    is_object_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from gateway.operations.compiled.fields import FieldGroups, Fields, ResolverCall
from gateway.operations.compiled.run import NotCovered, Run
from gateway.operations.compiled.values import (
    Complete,
    leaf_completer,
    leaf_source,
    list_completer,
    missing,
    object_completer,
    object_list_completer,
    require_decided_by_class,
    type_of,
)


class Selection:
    """The merged selections of one field of a document, or of its operation; plan lifetime.

    Args:
        schema: The schema.
        fields: Collects the fields.
        named_type: The object, interface or union type that is selected from.
        parents: The nodes whose selections are merged.

    Raises:
        NotCovered: The type or one of its fields is not covered.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fields: Fields,
        named_type: GraphQLNamedType,
        parents: "list[FieldNode | OperationDefinitionNode]",
    ) -> None:
        self._schema = schema
        self._fields = fields
        self._type = named_type
        self._parents = parents
        self._functions: dict[type, Complete] = {}
        # Checked when the plan is made, so that a plan is not given up in the middle of each execution.
        require_decided_by_class(named_type)
        if is_object_type(named_type):
            self._require_covered(named_type)

    def complete(self, value: Any, run: Run) -> Any:  # noqa: ANN401 - a record of any kind, and JSON out of it
        """Return a record's part of the response.

        Raises:
            NotCovered: The record is not of the type.
        """
        return self.function_for(value, run)(value, run)

    def function_for(self, value: object, run: Run) -> Complete:
        """Return the function that completes a record and all others of its class.

        Raises:
            NotCovered: The record is not of the type.
        """
        # Keyed by class, because `require_decided_by_class` ensures that the class decides the object type.
        function = self._functions.get(value.__class__)
        if function is None:
            function = self._functions[value.__class__] = self._built_for(value, run)
        return function

    def _built_for(self, value: object, run: Run) -> Complete:
        object_type = type_of(value, self._type, run)
        return _ObjectSource(self._schema, self._fields, object_type, value.__class__).build(self._groups(object_type))

    def _groups(self, object_type: GraphQLObjectType) -> FieldGroups:
        return self._fields.of(object_type, self._parents)

    def _require_covered(self, object_type: GraphQLObjectType) -> None:
        for nodes in self._groups(object_type).values():
            # Fields of introspection are not Strawberry's, and too rare to be worth a function.
            if nodes[0].name.value in {"__schema", "__type"}:
                raise NotCovered


class _ObjectSource:
    """Builds the source of one function; lifetime: the building."""

    def __init__(self, schema: GraphQLSchema, fields: Fields, object_type: GraphQLObjectType, record: type) -> None:
        self._schema = schema
        self._fields = fields
        self._type = object_type
        self._record = record
        self._names: dict[str, Any] = {}
        self._entries: list[str] = []
        self._calls: list[str] = []

    def build(self, groups: FieldGroups) -> Complete:
        """Return the function for these fields."""
        for number, (response_name, nodes) in enumerate(groups.items()):
            # Response names are GraphQL names, so that nothing of the client's becomes code.
            self._entries.append(f"{response_name!r}: {self._entry(number, response_name, nodes)},")
        lines = ["def complete(r, run):", " out = {", *self._entries, " }", *self._calls, " return out"]
        exec(compile("\n".join(lines), f"<selection of {self._type.name}>", "exec"), self._names)  # noqa: S102 - response names are GraphQL names, written as literals
        return cast("Complete", self._names["complete"])

    def _entry(self, number: int, response_name: str, nodes: list[FieldNode]) -> str:
        name = nodes[0].name.value
        if name == "__typename":
            return repr(self._type.name)
        definition = self._type.fields[name]
        field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        # An extension wraps the resolver, in ways that only Strawberry knows.
        if not isinstance(field, StrawberryField) or field.extensions:
            raise NotCovered
        if field.base_resolver is None:
            variable = f"v{number}"
            value = f"({variable} := {self._read(field.python_name)})"
            return self._completed(definition.type, value, variable, nodes)
        self._call(number, response_name, nodes, definition, field)
        return "None"

    def _read(self, name: str) -> str:
        """Return the source of an expression that reads a record's attribute."""
        attribute = getattr(self._record, name, None)
        getter = attribute.fget if isinstance(attribute, property) else None
        # Properties are bypassed, because the descriptor costs more than the read: one that is an `attrgetter` is read
        # at its path within the record, another one's function is called directly.
        if isinstance(getter, attrgetter):
            _, (path,) = cast("tuple[object, tuple[str]]", getter.__reduce__())
            return f"r.{path}"
        if getter is None:
            return f"r.{name}"
        self._names[f"get_{name}"] = getter
        return f"get_{name}(r)"

    def _call(
        self, number: int, response_name: str, nodes: list[FieldNode], definition: GraphQLField, field: StrawberryField
    ) -> None:
        complete = self._completer(definition.type, nodes)
        call = ResolverCall(self._type, definition, field, nodes, response_name, complete)
        self._names[f"resolve_{number}"] = call.resolve
        self._calls.append(f" resolve_{number}(r, run, out)")

    def _completed(self, output: GraphQLOutputType, value: str, variable: str, nodes: list[FieldNode]) -> str:
        """Return the source of an expression for a field's completed value.

        Args:
            output: The field's type.
            value: The source of an expression that reads the value and assigns it to `variable`.
            variable: The name of the local variable for the value.
            nodes: The field's nodes.
        """
        nullable = not isinstance(output, GraphQLNonNull)
        inner = output if nullable else cast("GraphQLNonNull[Any]", output).of_type
        if is_leaf_type(inner):
            completed = leaf_source(inner, variable, self._names)
        else:
            function = f"complete_{variable}"
            self._names[function] = self._non_null(inner, nodes)
            completed = f"{function}({variable}, run)"
        otherwise = "None" if nullable else "missing()"
        self._names["missing"] = missing
        return f"({otherwise} if {value} is None else {completed})"

    def _completer(self, output: GraphQLOutputType, nodes: list[FieldNode]) -> Complete:
        """Return a function that completes values of a type, also None where the type is nullable."""
        if isinstance(output, GraphQLNonNull):
            return self._non_null(output.of_type, nodes)
        inner = self._non_null(output, nodes)
        return lambda value, run: None if value is None else inner(value, run)

    def _non_null(self, output: GraphQLOutputType, nodes: list[FieldNode]) -> Complete:
        if isinstance(output, GraphQLList):
            return self._list(output.of_type, nodes)
        if is_leaf_type(output):
            return leaf_completer(output)
        return object_completer(self._selection(output, nodes))

    def _list(self, item: GraphQLOutputType, nodes: list[FieldNode]) -> Complete:
        inner = item.of_type if isinstance(item, GraphQLNonNull) else item
        complete_item = self._completer(item, nodes)
        if isinstance(inner, GraphQLList) or is_leaf_type(inner):
            return list_completer(complete_item)
        return object_list_completer(self._selection(inner, nodes), complete_item)

    def _selection(self, output: GraphQLOutputType, nodes: list[FieldNode]) -> Selection:
        return Selection(self._schema, self._fields, get_named_type(output), list(nodes))
