"""Parameterizes documents: those that differ only in their literals, such as ids, are parsed and validated once.

Theory of operation
-------------------
The key of a document is its text with a quote for each string and number, and with the kinds of these literals::

    { node(id: "Delivery:1") { id } }   key: { node(id: ") { id } } "s     literals: "Delivery:1"

Parsing, validation and compilation give the same result for all documents of one key, as long as each literal is valid
for its argument's type. So they are done once, with a variable named `literal 0`, `literal 1` and so on in the place of
each literal; the literals of the next document of the key become the values of these variables.

Whatever could differ otherwise has no key, and each of its texts is parsed: escapes, block strings, comments, literals
outside of arguments, and fields of one response name, which merge only if their arguments are equal.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FloatValueNode,
    GraphQLID,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    IntValueNode,
    NameNode,
    Node,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Undefined,
    VariableDefinitionNode,
    VariableNode,
    is_leaf_type,
    visit,
)
from graphql.language import SKIP, Visitor, VisitorAction
from graphql.utilities import coerce_input_literal

LiteralNode: TypeAlias = StringValueNode | IntValueNode | FloatValueNode

_LITERAL: Final = re.compile(
    r"""(
        ["0-9-]  # a set of first characters is searched ten times as fast as alternatives
        (?:
            (?<=") [^"\\\x00-\x1f]* "  # a string without escapes; a block string begins as an empty one, see _kind
            |
            (?<! [_0-9A-Za-z] [0-9-] )  # a number that does not end a name
            (?: (?<=-) (?:0|[1-9][0-9]*) | (?<=0) | (?<=[1-9]) [0-9]* ) (?: \.[0-9]+ )? (?: [eE][+-]?[0-9]+ )?
        )
    )""",
    re.VERBOSE,
)

_PLACE: Final = '"'
"""Replaces each literal in a key."""

MAX_LITERALS: Final = 200
"""Literals of a document that is parameterized."""

LITERAL_NAME: Final = "literal "
"""The beginning of the names of variables for literals; a client's variables cannot have a space in their names."""


@dataclass(frozen=True, slots=True)
class Literals:
    """A document's text, split into key and literals; lifetime: the lookup.

    Args:
        key: The text with a quote for each literal, and the kinds of the literals.
        values: The strings and numbers as written.
    """

    key: str
    values: tuple[str, ...]


def split_literals(text: str) -> Literals | None:
    """Return a text's key and its literals; None where it has no literals or no key."""
    pieces = _LITERAL.split(text)
    values = pieces[1::2]
    if not values or len(values) > MAX_LITERALS:
        return None
    key = _PLACE.join((*pieces[::2], "".join(map(_kind, values))))
    # Further quotes are of unfinished or block strings; a backslash is of an escape, a # of a comment.
    if key.count(_PLACE) > len(values) + 1 or "\\" in key or "#" in key:
        return None
    return Literals(key, tuple(values))


def _kind(literal: str) -> str:
    """Return one letter for the kind of a literal, because a type may accept only some kinds."""
    if literal[0] == '"':
        # A block string splits into strings side by side, of which the first is empty. Because empty strings have a
        # kind of their own, no document without block strings has the same key.
        return "e" if literal == '""' else "s"
    return "i" if literal.lstrip("-").isdigit() else "f"


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a literal.

    Args:
        name: The name of the variable that replaces it.
        coerce: Coerces the literal to the argument's value.
    """

    name: str
    coerce: Callable[[str], Any]


class ParameterizedDocument:
    """A validated document with variables in the places of its literals; cache lifetime.

    Args:
        node: The syntax tree with these variables.
        slots: The places of the literals, in their order.
    """

    def __init__(self, node: DocumentNode, slots: tuple[Slot, ...]) -> None:
        self.node = node
        self._slots = slots

    def values(self, literals: Literals) -> Mapping[str, Any] | None:
        """Return the values of the variables; None where a literal is invalid, for validation to report."""
        found = {}
        for slot, literal in zip(self._slots, literals.values, strict=True):
            try:
                value = slot.coerce(literal)
            except Exception:  # noqa: BLE001 - a scalar may raise any exception, and validation reports it
                return None
            if value is Undefined:
                return None
            found[slot.name] = value
        return found


def parameterize(schema: GraphQLSchema, node: DocumentNode, literals: Literals) -> ParameterizedDocument | None:
    """Return a valid document with its literals replaced by variables; None where one cannot be replaced.

    Args:
        schema: The schema that it was validated against.
        node: Its syntax tree.
        literals: Its text, split.
    """
    # Literals are matched with nodes by their positions in the text.
    starts: dict[int, int] = {}
    position = 0
    for between, value in zip(literals.key.split(_PLACE), literals.values, strict=False):
        position += len(between)
        starts[position] = len(starts)
        position += len(value)
    replacing = _Replacing(TypeInfo(schema), starts)
    changed = visit(node, TypeInfoVisitor(replacing.type_info, replacing))
    if replacing.given_up or len(replacing.slots) != len(starts):
        return None
    return ParameterizedDocument(changed, tuple(slot for _, slot in sorted(replacing.slots.items())))


class _Replacing(Visitor):
    """Replaces the literals of a document by variables; lifetime: one document."""

    def __init__(self, type_info: TypeInfo, starts: Mapping[int, int]) -> None:
        super().__init__()
        self.type_info = type_info
        self.slots: dict[int, Slot] = {}
        self.given_up = False
        self._starts = starts
        self._responses: Counter[str] = Counter()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        # Fields of one response name merge only if their arguments are equal, which depends on the literals.
        if node.arguments:
            name = (node.alias or node.name).value
            self._responses[name] += 1
            self.given_up = self.given_up or self._responses[name] > 1

    def enter_directive(self, _node: DirectiveNode, *_: object) -> VisitorAction:
        return SKIP

    def enter_variable_definition(self, _node: VariableDefinitionNode, *_: object) -> VisitorAction:
        return SKIP

    def enter_argument(self, _node: ArgumentNode, *_: object) -> None:
        """Visit the arguments of fields."""

    def enter_string_value(self, node: StringValueNode, *_: object) -> Node | None:
        return self._replace(node)

    def enter_int_value(self, node: IntValueNode, *_: object) -> Node | None:
        return self._replace(node)

    def enter_float_value(self, node: FloatValueNode, *_: object) -> Node | None:
        return self._replace(node)

    def _replace(self, node: LiteralNode) -> Node | None:
        number = self._starts.get(node.loc.start) if node.loc else None
        expected = self.type_info.get_input_type()
        leaf = expected.of_type if isinstance(expected, GraphQLNonNull) else expected
        if number is None or not is_leaf_type(leaf) or getattr(node, "block", False):
            self.given_up = True
            return None
        # Numbered by position in the text, so that the same literal of each document has the same variable.
        name = f"{LITERAL_NAME}{number}"
        self.slots[number] = Slot(name, _coercion(type(node), leaf))
        return VariableNode(name=NameNode(value=name))


def _coercion(kind: type[LiteralNode], leaf: GraphQLLeafType) -> Callable[[str], Any]:
    """Return a function that coerces a literal of a kind to a value of a type."""
    if kind is not StringValueNode:
        return lambda literal: coerce_input_literal(kind(value=literal), leaf)
    # The two most frequent types need no coercion, only their quotes removed.
    if leaf is GraphQLString or leaf is GraphQLID:
        return itemgetter(slice(1, -1))
    return lambda literal: coerce_input_literal(StringValueNode(value=literal[1:-1]), leaf)
