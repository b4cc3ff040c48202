"""Random operations over the schema: aliases, fragments, directives, variables, unions of selections."""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_non_null_type,
)

MAX_DEPTH: Final = 5


@dataclass
class Generator:
    """Makes operations; lives as long as a test.

    Args:
        schema: What is asked.
        random: Decides.
        arguments: By field and argument: GraphQL literals to choose from.
    """

    schema: GraphQLSchema
    random: Random
    arguments: dict[str, dict[str, list[str]]]
    _fragments: list[str] = field(default_factory=list)
    _variables: dict[str, bool] = field(default_factory=dict)

    def operation(self) -> tuple[str, dict[str, Any]]:
        """The text of a valid query, and its variables."""
        self._fragments, self._variables = [], {}
        assert self.schema.query_type is not None
        selection = self._selection(self.schema.query_type, 0)
        head = f"query Generated {self._declared()}"
        return "\n".join([f"{head} {selection}", *self._fragments]), dict(self._variables)

    def subscription(self) -> tuple[str, dict[str, Any]]:
        """The text of a valid subscription, and its variables; the one field at its root is written in several ways."""
        self._fragments, self._variables = [], {}
        root = self.schema.subscription_type
        assert root is not None
        name = self.random.choice(list(root.fields))
        events, arguments = get_named_type(root.fields[name].type), self._arguments(root, name, root.fields[name])
        alias = self.random.choice(["", "again: "])
        selections = [self._selection(events, 1) for _ in range(self.random.randint(1, 2))]
        fields = [f"{alias}{name}{arguments} {selection}" for selection in selections]
        head = f"subscription Generated {self._declared()}"
        return "\n".join([f"{head} {{ {self._at_root(root, fields)} }}", *self._fragments]), dict(self._variables)

    def _at_root(self, root: GraphQLObjectType, fields: list[str]) -> str:
        kind = self.random.random()
        if kind < 0.2:
            return f"... on {root.name} {{ {' '.join(fields)} }}"
        if kind < 0.4:
            self._fragments.append(f"fragment AtRoot on {root.name} {{ {fields[-1]} }}")
            return " ".join([*fields[:-1], "...AtRoot"])
        return " ".join(fields)

    def _declared(self) -> str:
        declared = ", ".join(f"${name}: Boolean!" for name in self._variables)
        return f"({declared})" if declared else ""

    def _selection(self, named: GraphQLNamedType, depth: int) -> str:
        chosen = [self._node(named, depth) for _ in range(self.random.randint(1, 4))]
        return "{ " + " ".join(node for node in chosen if node) + " __typename }"

    def _node(self, named: GraphQLNamedType, depth: int) -> str:
        kind = self.random.random()
        if kind < 0.12 and depth:
            return f"... {self._condition(named)} {self._directive()} {self._selection(named, depth + 1)}"
        if kind < 0.2 and depth:
            return self._spread(named, depth)
        if is_abstract_type(named) and kind < 0.6:
            concrete = self.random.choice(self.schema.get_possible_types(named))
            return f"... on {concrete.name} {self._selection(concrete, depth + 1)}"
        return self._field(named, depth)

    def _condition(self, named: GraphQLNamedType) -> str:
        return self.random.choice(["", f"on {named.name}"])

    def _spread(self, named: GraphQLNamedType, depth: int) -> str:
        body = self._selection(named, depth + 1)
        name = f"Part{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {named.name} {body}")
        return f"...{name} {self._directive()}"

    def _directive(self) -> str:
        kind = self.random.random()
        if kind < 0.7:
            return ""
        word = self.random.choice(["skip", "include"])
        if kind < 0.85:
            return f"@{word}(if: {self.random.choice(['true', 'false'])})"
        name = f"flag{self.random.randint(0, 2)}"
        self._variables.setdefault(name, self.random.random() < 0.5)
        return f"@{word}(if: ${name})"

    def _field(self, named: GraphQLNamedType, depth: int) -> str:
        fields = getattr(named, "fields", {})
        name = self.random.choice(list(fields))
        definition: GraphQLField = fields[name]
        below = get_named_type(definition.type)
        arguments = self._arguments(named, name, definition)
        if arguments is None or (not is_leaf_type(below) and depth >= MAX_DEPTH):
            return ""
        # One response name stands for one field and one set of arguments, or the document would be invalid.
        known = sorted({f"{name}{arguments}{definition.type}"})
        alias = f"{name}_{abs(hash(known[0])) % 10**8}: " if arguments or self.random.random() < 0.3 else ""
        if not alias and isinstance(named, GraphQLObjectType) and self._ambiguous(name):
            alias = f"{name}_of_{named.name}: "
        selection = "" if is_leaf_type(below) else self._selection(below, depth + 1)
        return f"{alias}{name}{arguments} {self._directive()} {selection}"

    def _ambiguous(self, name: str) -> bool:
        """Whether types disagree about a field, so that it must not stand under its own name for two of them."""
        types = {
            str(one.fields[name].type)
            for one in self.schema.type_map.values()
            if isinstance(one, GraphQLObjectType) and name in one.fields
        }
        return len(types) > 1

    def _arguments(self, named: GraphQLNamedType, name: str, definition: GraphQLField) -> str | None:
        known = self.arguments.get(name, {})
        given = []
        for argument, spec in definition.args.items():
            values = known.get(argument, [])
            required = is_non_null_type(spec.type) and not spec.default_value
            # Full pages take long and tell no more than short ones.
            if values and (required or argument == "first" or self.random.random() < 0.5):
                given.append(f"{argument}: {self.random.choice(values)}")
            elif is_non_null_type(spec.type):
                return None
        del named
        return f"({', '.join(given)})" if given else ""
