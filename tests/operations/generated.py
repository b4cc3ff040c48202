"""Random operations over a schema.

They have aliases, fragments within fragments on objects and interfaces, fields that are merged, directives, and
variables: with values, with defaults, with nulls where a default lets them pass and the place does not.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from zlib import crc32

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_interface_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
    is_required_argument,
    parse_value,
)
from graphql.utilities import value_from_ast_untyped

MAX_DEPTH: Final = 5


@dataclass
class Generator:
    """Makes operations; lifetime: one test.

    Args:
        schema: What is asked.
        random: Decides.
        arguments: By field and argument: GraphQL literals to choose from.
    """

    schema: GraphQLSchema
    random: Random
    arguments: dict[str, dict[str, list[str]]]
    _fragments: list[str] = field(default_factory=list)
    _variables: dict[str, Any] = field(default_factory=dict)
    _declarations: dict[str, str] = field(default_factory=dict)

    def operation(self) -> tuple[str, dict[str, Any]]:
        """The text of a valid query, and its variables."""
        self._begin()
        assert self.schema.query_type is not None
        selection = self._selection(self.schema.query_type, 0)
        head = f"query Generated {self._declared()}"
        return "\n".join([f"{head} {selection}", *self._fragments]), dict(self._variables)

    def subscription(self) -> tuple[str, dict[str, Any]]:
        """The text of a valid subscription, and its variables; the one field at its root is written in several ways."""
        self._begin()
        root = self.schema.subscription_type
        assert root is not None
        # Those whose required arguments have values to choose from.
        known = [name for name, field in root.fields.items() if self._arguments(name, field) is not None]
        self._begin()
        name = self.random.choice(known)
        events, arguments = get_named_type(root.fields[name].type), self._arguments(name, root.fields[name])
        alias = self.random.choice(["", "again: "])
        selections = [self._selection(events, 1) for _ in range(self.random.randint(1, 2))]
        fields = [f"{alias}{name}{arguments} {selection}" for selection in selections]
        head = f"subscription Generated {self._declared()}"
        return "\n".join([f"{head} {{ {self._at_root(root, fields)} }}", *self._fragments]), dict(self._variables)

    def _begin(self) -> None:
        self._fragments, self._variables, self._declarations = [], {}, {}

    def _at_root(self, root: GraphQLObjectType, fields: list[str]) -> str:
        kind = self.random.random()
        if kind < 0.2:
            return f"... on {root.name} {{ {' '.join(fields)} }}"
        if kind < 0.4:
            self._fragments.append(f"fragment AtRoot on {root.name} {{ {fields[-1]} }}")
            return " ".join([*fields[:-1], "...AtRoot"])
        return " ".join(fields)

    def _declared(self) -> str:
        declared = ", ".join(f"${name}: {declaration}" for name, declaration in self._declarations.items())
        return f"({declared})" if declared else ""

    def _selection(self, named: GraphQLNamedType, depth: int) -> str:
        chosen = [self._node(named, depth) for _ in range(self.random.randint(1, 4))]
        return "{ " + " ".join(node for node in chosen if node) + " __typename }"

    def _node(self, named: GraphQLNamedType, depth: int) -> str:
        kind = self.random.random()
        if depth > MAX_DEPTH:
            return self._field(named, depth)
        if kind < 0.06 and depth:
            return f"... {self._directive()} {self._selection(named, depth + 1)}"
        if kind < 0.12 and depth:
            condition = self.random.choice(self._conditions(named))
            return f"... on {condition.name} {self._directive()} {self._selection(condition, depth + 1)}"
        if kind < 0.2 and depth:
            return self._spread(named, depth)
        if is_abstract_type(named) and kind < 0.6:
            concrete = self.random.choice(self.schema.get_possible_types(named))
            return f"... on {concrete.name} {self._selection(concrete, depth + 1)}"
        return self._field(named, depth)

    def _conditions(self, named: GraphQLNamedType) -> list[GraphQLNamedType]:
        """The types that a fragment may name where another type stands: itself, its interfaces, those of its kinds."""
        found: list[GraphQLNamedType] = [named]
        objects = self.schema.get_possible_types(named) if is_abstract_type(named) else [named]
        for one in objects:
            if is_object_type(one):
                found += [interface for interface in one.interfaces if interface not in found]
        return found

    def _spread(self, named: GraphQLNamedType, depth: int) -> str:
        condition = self.random.choice(self._conditions(named))
        body = self._selection(condition, depth + 1)
        name = f"Part{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {condition.name} {body}")
        again = f" ...{name} {self._directive()}" if self.random.random() < 0.3 else ""
        return f"...{name} {self._directive()}{again}"

    def _directive(self) -> str:
        kind = self.random.random()
        if kind < 0.7:
            return ""
        word = self.random.choice(["skip", "include"])
        if kind < 0.85:
            return f"@{word}(if: {self.random.choice(['true', 'false'])})"
        return f"@{word}(if: ${self._flag()})"

    def _flag(self) -> str:
        """A variable for a condition; one that may be null has a default, and now and then is null."""
        name = f"flag{self.random.randint(0, 2)}" if self.random.random() < 0.8 else "maybe"
        if name in self._declarations:
            return name
        truth = self.random.random() < 0.5
        if name != "maybe":
            self._declarations[name], self._variables[name] = "Boolean!", truth
            return name
        self._declarations[name] = f"Boolean = {str(truth).lower()}"
        if self.random.random() < 0.8:
            self._variables[name] = self.random.choice([True, False, None, None])
        return name

    def _field(self, named: GraphQLNamedType, depth: int) -> str:
        fields = getattr(named, "fields", {})
        name = self.random.choice(list(fields))
        definition: GraphQLField = fields[name]
        below = get_named_type(definition.type)
        if not is_leaf_type(below) and depth >= MAX_DEPTH:
            return ""
        arguments = self._arguments(name, definition)
        if arguments is None:
            return ""
        # One response name stands for one field and one set of arguments, or the document would be invalid.
        known = f"{name}{arguments}{definition.type}".encode()
        alias = f"{name}_{crc32(known)}: " if arguments or self.random.random() < 0.3 else ""
        if not alias and self._ambiguous(name):
            alias = f"{name}_of_{named.name}: "
        times = 2 if self.random.random() < 0.15 else 1
        nodes = []
        for _ in range(times):
            selection = "" if is_leaf_type(below) else self._selection(below, depth + 1)
            nodes.append(f"{alias}{name}{arguments} {self._directive()} {selection}")
        return " ".join(nodes)

    def _ambiguous(self, name: str) -> bool:
        """Whether types disagree about a field, so that it must not stand under its own name for two of them."""
        types = {
            str(one.fields[name].type)
            for one in self.schema.type_map.values()
            if (is_object_type(one) or is_interface_type(one)) and name in one.fields
        }
        return len(types) > 1

    def _arguments(self, name: str, definition: GraphQLField) -> str | None:
        known = self.arguments.get(name, {})
        if any(is_required_argument(spec) and argument not in known for argument, spec in definition.args.items()):
            return None
        given = []
        for argument, spec in definition.args.items():
            values = known.get(argument, [])
            # Full pages take long and show no more than short ones.
            wanted = is_required_argument(spec) or argument == "first" or self.random.random() < 0.5
            if values and wanted:
                given.append(f"{argument}: {self._value(self.random.choice(values), spec)}")
        return f"({', '.join(given)})" if given else ""

    def _value(self, literal: str, spec: GraphQLArgument) -> str:
        """A literal, or a variable with what it says, with a default, or with a null that it may have."""
        if self.random.random() < 0.75:
            return literal
        name = f"given{len(self._declarations)}"
        kind = self.random.random()
        if kind < 0.5:
            self._declarations[name] = str(spec.type)
        else:
            self._declarations[name] = f"{get_nullable_type(spec.type)} = {literal}"
        if kind >= 0.9:
            return f"${name}"
        nullable = kind >= 0.5 or not is_non_null_type(spec.type)
        is_null = nullable and self.random.random() < 0.4
        self._variables[name] = None if is_null else value_from_ast_untyped(parse_value(literal))
        return f"${name}"
