"""Documents: each is parsed and validated once, however often it is sent."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from copy import copy
from typing import Any, Final, NamedTuple

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    ListValueNode,
    NoSchemaIntrospectionCustomRule,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    parse,
    specified_rules,
    validate,
)

from gateway.operations.documents.limits import DocumentLimits, check_limits
from gateway.operations.documents.parameterized import Literals, ParameterizedDocument, shape_of, take_apart
from resolvers.errors import BadInput
from resolvers.selection import all_fields_of


class VariableUses(NamedTuple):
    """What an operation makes of its variables; document lifetime.

    Args:
        places: How often each is used in arguments of fields, in a fragment as often as that is spread. The variables
            of `@skip` and `@include` are Booleans, which are never large.
        default_sizes: Values in the defaults of those whose default is a list or an object.
    """

    places: Counter[str]
    default_sizes: dict[str, int]


def variable_uses(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> VariableUses:
    """Look through an operation.

    Args:
        operation: Of a document that has passed the limits.
        fragments: The document's, by name.
    """
    places: Counter[str] = Counter()
    for node, _, _ in all_fields_of(operation.selection_set, fragments):
        for argument in node.arguments or ():
            places.update(variables_in(argument.value))
    defaults = {
        one.variable.name.value: sum(1 for _ in _values(one.default_value)) - 1
        for one in operation.variable_definitions or ()
        if isinstance(one.default_value, ListValueNode | ObjectValueNode)
    }
    return VariableUses(places, defaults)


def variables_in(value: ValueNode) -> Iterator[str]:
    """Yield the names of the variables in a value, each as often as it stands there."""
    return (one.name.value for one in _values(value) if isinstance(one, VariableNode))


def _values(value: ValueNode) -> Iterator[ValueNode]:
    """A value and all within it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += getattr(one, "values", None) or ()
        waiting += [field.value for field in getattr(one, "fields", None) or ()]


MAX_DOCUMENTS: Final = 2_000
"""Shapes that are kept; a parsed and compiled one takes some 30 times its text."""

MAX_CHARACTERS: Final = 2 * 1024 * 1024
"""Of all texts that are kept; what is kept with a text takes 80 to 300 times as much."""

MAX_SHAPE_CHARACTERS: Final = 16 * 1024
"""Of a text whose shape is kept; a longer one is no document of a client's own code, and is kept by its text alone."""

MAX_REFUSED_CHARACTERS: Final = 256 * 1024
"""Of the texts of invalid documents among them; each is looked up a few times for its one request, and hardly again."""

MAX_ERRORS: Final = 20


class Document:
    """A validated document, or what is wrong with it; cache lifetime.

    Documents that differ in their literals alone share everything but these, see `shapes`.

    Args:
        text: As the client sent it.
        template: Its syntax tree, in which literals may have become variables; None where it does not parse.
        errors: What keeps it from being executed.
    """

    def __init__(self, text: str, template: DocumentNode | None, errors: Collection[GraphQLError] = ()) -> None:
        self.text = text
        self.template = template
        self.errors = tuple(errors)
        self.literals: Mapping[str, Any] = {}
        """The values of the variables that stand in the places of literals; they join those of the client."""
        definitions = () if template is None else template.definitions
        self._operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
        self.fragments = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}
        """The fragments of the template, by name."""
        self.plans: dict[str | None, Any] = {}
        """What execution has worked out about each operation, by its name; shared by all documents of a shape."""
        self._uses: dict[str | None, VariableUses] = {}
        self.costs: dict[str | None, Any] = {}
        """What is known of the cost of each operation, by its name; shared alike."""

    def with_literals(self, text: str, literals: Mapping[str, Any]) -> "Document":
        """The document of the same shape that has these literals."""
        document = copy(self)
        document.text = text
        document.literals = literals
        return document

    def variable_uses(self, operation: OperationDefinitionNode) -> VariableUses:
        """How much one of its operations makes of its variables."""
        name = operation.name.value if operation.name else None
        uses = self._uses.get(name)
        if uses is None:
            uses = self._uses[name] = variable_uses(operation, self.fragments)
        return uses

    @property
    def node(self) -> DocumentNode | None:
        """The syntax tree with the literals where the client wrote them, for graphql-core."""
        return parse(self.text) if self.literals else self.template

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation that a request means, as it stands in the template.

        Raises:
            BadInput: there is none of that name, or several and no name.
        """
        if name is None:
            if len(self._operations) == 1:
                return self._operations[0]
            raise BadInput("The document holds several operations; say which in `operationName`.")
        for operation in self._operations:
            if operation.name is not None and operation.name.value == name:
                return operation
        raise BadInput(f"The document holds no operation named {name[:100]!r}.")


class Documents:
    """The documents seen lately; process lifetime, bounded in number and in text.

    Args:
        schema: What they are validated against.
        limits: How large they may be.
        introspection: Whether they may ask for the schema.
        suggestions: Whether an error may name what the client could have meant, which tells of the schema as well.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits | None = None,
        *,
        introspection: bool = True,
        suggestions: bool = True,
        max_documents: int = MAX_DOCUMENTS,
        max_characters: int = MAX_CHARACTERS,
    ) -> None:
        self.schema = schema
        self._limits = limits or DocumentLimits()
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self.suggestions = suggestions
        self._kept: LRUCache[str, Document] = LRUCache(max_characters, getsizeof=_size)
        self._refused: LRUCache[str, Document] = LRUCache(MAX_REFUSED_CHARACTERS, getsizeof=_size)
        self._shapes: LRUCache[str, tuple[ParameterizedDocument, Document]] = LRUCache(max_documents)

    def get(self, text: str) -> Document:
        """The document of a text; with its errors, which are kept as well."""
        document = self._kept.get(text) or self._refused.get(text)
        if document is None:
            document = self._find(text)
            kept = self._refused if document.errors else self._kept
            if len(text) <= kept.maxsize // 8:
                kept[text] = document
        return document

    def _find(self, text: str) -> Document:
        literals = take_apart(text) if len(text) <= MAX_SHAPE_CHARACTERS else None
        if literals is None:
            return self._read(text)
        known = self._shapes.get(literals.key)
        if known is not None:
            shape, document = known
            values = shape.values(literals)
            return self._read(text) if values is None else document.with_literals(text, values)
        return self._learn(text, literals)

    def _learn(self, text: str, literals: Literals) -> Document:
        """Read a document, and keep its shape for the next one that has it."""
        document = self._read(text)
        if document.template is None or document.errors:
            return document
        shape = shape_of(self.schema, document.template, literals)
        if shape is None:
            return document
        shared = Document(text, shape.node)
        self._shapes[literals.key] = shape, shared
        return shared.with_literals(text, shape.values(literals) or {})

    def _read(self, text: str) -> Document:
        try:
            node = parse(text, max_tokens=self._limits.tokens, max_comments=self._limits.tokens)
            return Document(text, node, check_limits(node, self._limits) or self._validated(node))
        except GraphQLSyntaxError as error:
            return Document(text, None, [error])
        except RecursionError:
            return Document(text, None, [GraphQLError("The document is nested too deeply to be read.")])

    def _validated(self, node: DocumentNode) -> list[GraphQLError]:
        hide = not self.suggestions
        return validate(self.schema, node, self._rules, max_errors=MAX_ERRORS, hide_suggestions=hide)


def _size(document: Document) -> int:
    return len(document.text) + 1
