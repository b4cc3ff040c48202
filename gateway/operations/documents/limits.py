"""Limits of documents, checked in one pass before validation, some of whose rules take quadratic time and more.

Fragments count wherever they are spread, but each is measured once: a document that doubles itself forty times by its
fragments is refused in the time that it takes to parse it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from resolvers.selection import fields_of

INTROSPECTION_FIELDS: Final = frozenset({"__schema", "__type"})

MAX_INTROSPECTION_DEPTH: Final = 20
"""Levels below an introspection field; the standard query of tools has 14, more than the limit of data allows."""

MAX_INTROSPECTION_ALIASES: Final = 5
"""Aliases of introspection fields, each of which multiplies a large response."""

MAX_MERGES: Final = 20_000
"""Pairs of fields of one response name, which validation compares in about 5 us each."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """The limits that the settings have; a value.

    Args:
        depth: Levels of nested fields.
        tokens: Lexical tokens of a document; also its selections, with fragments spread.
        aliases: Aliased fields of an operation, with fragments spread.
        directives: Directives of an operation, with fragments spread.
    """

    depth: int = 12
    tokens: int = 2000
    aliases: int = 50
    directives: int = 20


@dataclass(frozen=True, slots=True)
class _Size:
    """The size of a selection, with fragments spread; a value.

    Args:
        selections: Fields, spreads and inline fragments.
        depth: Levels of fields, without those below introspection fields.
        aliases: Aliased fields.
        directives: Directives.
        schema_depth: Levels below the deepest introspection field.
        schema_aliases: Aliases in introspection.
    """

    selections: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    schema_depth: int = 0
    schema_aliases: int = 0


class _CircularFragment(Exception):
    """A fragment spreads itself, directly or through others."""


def check_limits(document: DocumentNode, limits: DocumentLimits) -> list[GraphQLError]:
    """Return the error of a document above a limit; empty where it may be validated.

    Raises:
        RecursionError: The document is nested more deeply than Python's stack allows.
    """
    measuring = _Measuring(document)
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    try:
        sizes = [measuring.operation(one) for one in operations]
        # Fragments that no operation spreads count too, because they are validated as well.
        unused = measuring.unused()
    except _CircularFragment as circle:
        return [GraphQLError(f"The fragment {circle} spreads itself; that has no end.")]
    # Of all operations together, since validation visits them all; the other limits are per operation.
    selections = sum(size.selections for size in [*sizes, *unused])
    if selections > limits.tokens:
        return [_too_much("selections with its fragments spread", selections, limits.tokens)]
    problems = [problem for size in [*sizes, *unused] for problem in _problems(size, limits)]
    # Last, because the walk is bounded only by the limits before.
    if not problems and _merges(document, measuring) > MAX_MERGES:
        problems = [GraphQLError("The document selects the same fields too often; select each once.")]
    return problems[:1]


def _problems(size: _Size, limits: DocumentLimits) -> Iterable[GraphQLError]:
    bounds = (
        ("levels of nested fields", size.depth, limits.depth),
        ("aliases", size.aliases, limits.aliases),
        ("directives", size.directives, limits.directives),
        ("levels of introspection", size.schema_depth, MAX_INTROSPECTION_DEPTH),
        ("aliases in introspection", size.schema_aliases, MAX_INTROSPECTION_ALIASES),
    )
    return [_too_much(what, found, most) for what, found, most in bounds if found > most]


def _too_much(what: str, found: int, most: int) -> GraphQLError:
    # A document of doublings comes to a number of hundreds of digits.
    shown = str(found) if found < 10**9 else "billions of"
    return GraphQLError(f"The document has {shown} {what}, and at most {most} are allowed; ask for less at once.")


class _Measuring:
    """Measures the selections of one document; lifetime: its check."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._sizes: dict[str, _Size | None] = {}
        self._total = len(document.definitions)

    def operation(self, operation: OperationDefinitionNode) -> _Size:
        size = self._set(operation.selection_set)
        variables = sum(_count(one.directives) for one in operation.variable_definitions or ())
        return _sum([size, _Size(directives=_count(operation.directives) + variables)])

    def unused(self) -> list[_Size]:
        """Return the sizes of the fragments that nothing measured so far has spread."""
        names = [name for name in self.fragments if name not in self._sizes]
        return [self._fragment(name) for name in names]

    def _set(self, selection_set: SelectionSetNode) -> _Size:
        return _sum([self._selection(one) for one in selection_set.selections])

    def _selection(self, selection: SelectionNode) -> _Size:
        own = _Size(selections=1, directives=_count(selection.directives))
        if isinstance(selection, FieldNode):
            return self._field(selection, own)
        if isinstance(selection, InlineFragmentNode):
            return _sum([own, self._set(selection.selection_set)])
        assert isinstance(selection, FragmentSpreadNode)  # noqa: S101 - GraphQL has no other selection
        return _sum([own, self._fragment(selection.name.value)])

    def _field(self, field: FieldNode, own: _Size) -> _Size:
        below = self._set(field.selection_set) if field.selection_set else _Size()
        aliased = int(field.alias is not None)
        selections, directives = own.selections + below.selections, own.directives + below.directives
        if field.name.value in INTROSPECTION_FIELDS:
            aliases = aliased + below.aliases
            return _Size(selections, 1, aliases, directives, below.depth + 1, aliases)
        return _Size(
            selections,
            below.depth + 1,
            below.aliases + aliased,
            directives,
            below.schema_depth,
            below.schema_aliases,
        )

    def _fragment(self, name: str) -> _Size:
        if name in self._sizes:
            size = self._sizes[name]
            if size is None:
                raise _CircularFragment(name)
            return size
        fragment = self.fragments.get(name)
        if fragment is None:
            # Validation reports a fragment that is missing.
            return _Size()
        # None while it is measured, by which a fragment that spreads itself is found.
        self._sizes[name] = None
        size = _sum([self._set(fragment.selection_set), _Size(directives=_count(fragment.directives))])
        self._sizes[name] = size
        return size


def _sum(sizes: Sequence[_Size]) -> _Size:
    return _Size(
        sum(size.selections for size in sizes),
        max((size.depth for size in sizes), default=0),
        sum(size.aliases for size in sizes),
        sum(size.directives for size in sizes),
        max((size.schema_depth for size in sizes), default=0),
        sum(size.schema_aliases for size in sizes),
    )


def _count(directives: Sequence[DirectiveNode] | None) -> int:
    return len(directives or ())


def _merges(document: DocumentNode, measuring: _Measuring) -> int:
    """Return the pairs of fields that validation compares to merge selections; ends early above the limit."""
    waiting = [[one.selection_set] for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    pairs = 0
    while waiting and pairs <= MAX_MERGES:
        groups: dict[str, dict[int, FieldNode]] = {}
        for selection_set in waiting.pop():
            for field, _, _ in fields_of(selection_set, measuring.fragments):
                groups.setdefault((field.alias or field.name).value, {})[id(field)] = field
        for group in groups.values():
            pairs += len(group) * (len(group) - 1) // 2
            below = [field.selection_set for field in group.values() if field.selection_set]
            if below:
                waiting.append(below)
    return pairs
