"""Shapes: what documents share that differ in their literals alone, such as the ids that a client writes into them.

A document's shape is its text without its strings and numbers. Two documents of one shape are the same to parsing, to
validation and to compilation, as long as each literal fits its place: so these are done once for a shape, with a
variable in each literal's place, and the literals of the next document become the values of these variables.
Whatever is not beyond doubt (escapes, block strings, comments, literals outside of arguments, fields that must be
compared to be merged) has no shape and goes the long way.
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
        ["0-9-]  # A set of first characters is searched for ten times as fast as what may follow each of them.
        (?:
            (?<=") [^"\\\x00-\x1f]* "  # a string without escapes; of a block string an empty one, see _kind
            |
            (?<! [_0-9A-Za-z] [0-9-] )  # a number, which is no end of a name
            (?: (?<=-) (?:0|[1-9][0-9]*) | (?<=0) | (?<=[1-9]) [0-9]* ) (?: \.[0-9]+ )? (?: [eE][+-]?[0-9]+ )?
        )
    )""",
    re.VERBOSE,
)

_PLACE: Final = '"'

MAX_LITERALS: Final = 200

LITERAL_NAME: Final = "literal "
"""What the names of variables begin with that stand for literals; no client's name has a space."""


@dataclass(frozen=True, slots=True)
class Literals:
    """A document's text, taken apart; lives while it is looked up.

    Args:
        key: Equal for documents of one shape: a quote in the place of each literal, and of which kinds they are.
        values: The strings and numbers as written.
    """

    key: str
    values: tuple[str, ...]


def take_apart(text: str) -> Literals | None:
    """The text's shape and its literals; None where it has no literals, or no shape."""
    pieces = _LITERAL.split(text)
    values = pieces[1::2]
    if not values or len(values) > MAX_LITERALS:
        return None
    key = _PLACE.join((*pieces[::2], "".join(map(_kind, values))))
    # What must not be left between literals: an unfinished or block string, an escape, a comment.
    if key.count(_PLACE) > len(values) + 1 or "\\" in key or "#" in key:
        return None
    return Literals(key, tuple(values))


def _kind(literal: str) -> str:
    """One letter for what a literal is: documents are of one shape only where their literals are of the same kinds."""
    if literal[0] == '"':
        # Two strings side by side are what a block string looks like here; a document of the one kind never has the
        # shape of the other, because the empty strings and the text between them count.
        return "e" if literal == '""' else "s"
    return "i" if literal.lstrip("-").isdigit() else "f"


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a literal.

    Args:
        name: Of the variable in its place; no client can name one so.
        coerce: Turns the literal into the argument's value.
    """

    name: str
    coerce: Callable[[str], Any]


class ParameterizedDocument:
    """A validated document with variables in the places of its literals; cache lifetime.

    Args:
        node: The document, so changed.
        slots: Its literals' places, in their order.
    """

    def __init__(self, node: DocumentNode, slots: tuple[Slot, ...]) -> None:
        self.node = node
        self._slots = slots

    def values(self, literals: Literals) -> Mapping[str, Any] | None:
        """The variables' values; None where a literal does not fit its place, so that validation must say so."""
        found = {}
        for slot, literal in zip(self._slots, literals.values, strict=True):
            try:
                value = slot.coerce(literal)
            except Exception:  # noqa: BLE001 - scalars raise what they like, and validation will tell the client
                return None
            if value is Undefined:
                return None
            found[slot.name] = value
        return found


def shape_of(schema: GraphQLSchema, node: DocumentNode, literals: Literals) -> ParameterizedDocument | None:
    """The shape of a valid document; None where it has none.

    Args:
        schema: What it is valid against.
        node: The parsed document.
        literals: Its text, taken apart.
    """
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
    """Puts variables into the places of a document's literals."""

    def __init__(self, type_info: TypeInfo, starts: Mapping[int, int]) -> None:
        super().__init__()
        self.type_info = type_info
        self.slots: dict[int, Slot] = {}
        self.given_up = False
        self._starts = starts
        self._responses: Counter[str] = Counter()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Fields of one response name are merged if their arguments are equal, which depends on the literals."""
        if node.arguments:
            name = (node.alias or node.name).value
            self._responses[name] += 1
            self.given_up = self.given_up or self._responses[name] > 1

    def enter_directive(self, _node: DirectiveNode, *_: object) -> VisitorAction:
        return SKIP

    def enter_variable_definition(self, _node: VariableDefinitionNode, *_: object) -> VisitorAction:
        return SKIP

    def enter_argument(self, _node: ArgumentNode, *_: object) -> None:
        """Visited, unlike the arguments of directives."""

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
        name = f"{LITERAL_NAME}{number}"
        self.slots[number] = Slot(name, _coercion(type(node), leaf))
        return VariableNode(name=NameNode(value=name))


def _coercion(kind: type[LiteralNode], leaf: GraphQLLeafType) -> Callable[[str], Any]:
    """Turns a literal of a kind into a value of a type."""
    if kind is not StringValueNode:
        return lambda literal: coerce_input_literal(kind(value=literal), leaf)
    if leaf is GraphQLString or leaf is GraphQLID:
        return itemgetter(slice(1, -1))
    return lambda literal: coerce_input_literal(StringValueNode(value=literal[1:-1]), leaf)
