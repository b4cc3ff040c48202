"""Parses and validates documents, each once, and keeps them with what is derived from them.

Theory of operation
-------------------
A text is looked up as it is first. Then its literals are split off (`parameterized.py`), and the rest is the key of a
parameterized document. Only where there is none, the text is parsed, checked against the limits and validated::

    text --known--> Document
      +--unknown--> key --known, literals fit--> the shared document with these literals
                     +--unknown, or no key-----> parse, limits, validate --> Document, and its parameterized document

Documents of one key share plans, costs and uses of variables. Each of the three caches is bounded, by characters or by
number, because clients choose the texts.
"""

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
from gateway.operations.documents.parameterized import Literals, ParameterizedDocument, parameterize, split_literals
from resolvers.errors import BadInput
from resolvers.quoting import quoted
from resolvers.selection import all_fields_of


class VariableUses(NamedTuple):
    """How often an operation uses each variable, since a large value takes time in each use; document lifetime.

    Args:
        places: Number of uses in arguments of fields, with fragments spread. Uses in `@skip` and `@include` do not
            count, because Booleans are never large.
        default_sizes: Number of values in each default that is a list or an object.
    """

    places: Counter[str]
    default_sizes: dict[str, int]


def variable_uses(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> VariableUses:
    """Count the uses of variables in an operation.

    Args:
        operation: An operation of a document within the document limits.
        fragments: The document's fragments, by name.
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
    """Yield the names of the variables in a value, each as often as it is used."""
    return (one.name.value for one in _values(value) if isinstance(one, VariableNode))


def _values(value: ValueNode) -> Iterator[ValueNode]:
    """Yield a value and all values in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += getattr(one, "values", None) or ()
        waiting += [field.value for field in getattr(one, "fields", None) or ()]


MAX_DOCUMENTS: Final = 2_000
"""Parameterized documents that are kept; each takes some 30 times its text, parsed and compiled."""

MAX_CHARACTERS: Final = 2 * 1024 * 1024
"""Characters of all texts that are kept; what is kept with a text takes 80 to 300 times as much."""

MAX_SHAPE_CHARACTERS: Final = 16 * 1024
"""Characters of a text up to which it is parameterized; a longer text is hardly of a client's own code."""

MAX_REFUSED_CHARACTERS: Final = 256 * 1024
"""Characters of invalid texts that are kept; each is looked up by several steps for one request, and hardly again."""

MAX_ERRORS: Final = 20


class Document:
    """A parsed and validated document, or its errors; cache lifetime.

    Documents that differ only in their literals share everything else (`parameterized.py`).

    Args:
        text: The text that the client sent.
        template: Its syntax tree, in which variables may replace literals; None where it does not parse.
        errors: The errors of syntax, limits and validation; empty where it may be executed.

    Attributes:
        literals: The values of the variables that replace literals; they join the client's variables.
        fragments: The fragments of the template, by name.
        plans: The compiled plan of each operation, by its name; shared by documents of one key.
        costs: The remembered costs of each operation, by its name; shared alike.
    """

    def __init__(self, text: str, template: DocumentNode | None, errors: Collection[GraphQLError] = ()) -> None:
        self.text = text
        self.template = template
        self.errors = tuple(errors)
        self.literals: Mapping[str, Any] = {}
        definitions = () if template is None else template.definitions
        self._operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
        self.fragments = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}
        self.plans: dict[str | None, Any] = {}
        self.costs: dict[str | None, Any] = {}
        self._uses: dict[str | None, VariableUses] = {}

    def with_literals(self, text: str, literals: Mapping[str, Any]) -> "Document":
        """Return the document of the same template with other literals."""
        # A shallow copy, so that plans, costs and uses stay shared.
        document = copy(self)
        document.text = text
        document.literals = literals
        return document

    def variable_uses(self, operation: OperationDefinitionNode) -> VariableUses:
        """Return the uses of variables in one of its operations."""
        name = operation.name.value if operation.name else None
        uses = self._uses.get(name)
        if uses is None:
            uses = self._uses[name] = variable_uses(operation, self.fragments)
        return uses

    @property
    def node(self) -> DocumentNode | None:
        """The syntax tree with its literals, for graphql-core."""
        # Parsed again, since graphql-core executes few operations and the tree of each text would take memory.
        return parse(self.text) if self.literals else self.template

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation of a name in the template; the only one where `name` is None.

        Raises:
            BadInput: There is none of that name, or there are several and no name is given.
        """
        if name is None:
            if len(self._operations) == 1:
                return self._operations[0]
            raise BadInput("The document holds several operations; say which in `operationName`.")
        for operation in self._operations:
            if operation.name is not None and operation.name.value == name:
                return operation
        # Quoted in part, because clients choose it.
        raise BadInput(f"The document holds no operation named {quoted(name)}.")


class Documents:
    """Parses, validates and keeps documents; process lifetime, bounded.

    Args:
        schema: The schema that documents are validated against.
        limits: The limits of documents.
        introspection: Whether documents may query the schema.
        suggestions: Whether errors may suggest names, which reveal the schema as introspection does.
        max_documents: Number of parameterized documents that are kept.
        max_characters: Characters of all texts that are kept.
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
        """Return the document of a text, parsed unless it is kept; an invalid one has errors."""
        # Invalid texts have a cache of their own, so that a client with wrong documents does not push out valid ones.
        document = self._kept.get(text) or self._refused.get(text)
        if document is None:
            document = self._find(text)
            kept = self._refused if document.errors else self._kept
            # One text may take an eighth of a cache at most, so that it does not push out all others.
            if len(text) <= kept.maxsize // 8:
                kept[text] = document
        return document

    def _find(self, text: str) -> Document:
        literals = split_literals(text) if len(text) <= MAX_SHAPE_CHARACTERS else None
        if literals is None:
            return self._read(text)
        known = self._shapes.get(literals.key)
        if known is not None:
            shape, document = known
            values = shape.values(literals)
            # A literal that does not fit makes the document invalid, with an error that names the literal.
            return self._read(text) if values is None else document.with_literals(text, values)
        return self._learn(text, literals)

    def _learn(self, text: str, literals: Literals) -> Document:
        """Parse a document, and keep its parameterized form for other literals."""
        document = self._read(text)
        # An invalid document has no template to share: its errors quote its text.
        if document.template is None or document.errors:
            return document
        shape = parameterize(self.schema, document.template, literals)
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
            # graphql-core's parser and the check of limits recurse once per level.
            return Document(text, None, [GraphQLError("The document is nested too deeply to be read.")])

    def _validated(self, node: DocumentNode) -> list[GraphQLError]:
        hide = not self.suggestions
        return validate(self.schema, node, self._rules, max_errors=MAX_ERRORS, hide_suggestions=hide)


def _size(document: Document) -> int:
    # An empty text takes room too.
    return len(document.text) + 1
