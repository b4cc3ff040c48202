"""Operations over all root fields whose values are mostly fine, and otherwise what no client means well by.

Values stand in documents, or in variables: with defaults, with nulls that only a default lets pass, and unfit ones.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from graphql import (
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
)

from tests.operations.generated_inputs import LEAVES, Inputs

HOSTILE: Final = 0.3
"""The share of scalars that are not fine."""
MAX_DEPTH: Final = 2

_TEXTS: Final[list[Any]] = [
    *(
        "",
        " ",
        "\x00",
        "é" * 300,
        "\U0001f600",
        "a\r\nX: y",
        "../../etc",
        "%2e%2e",
        ".",
        "/",
        "?a=b",
        "#",
        "\u2028",
        "\ufeff",
    ),
    *("-1", "1e400", "NaN", "Infinity", "\u0661", "1_5", "0x10", " 1", "9" * 400, "null", "{}", "[]", "x" * 50_000),
    *("2024-13-45", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2024-03-01T24:00:00Z", "2024-02-30"),
    *("Delivery:1", "SmsJob:J.1", "Recipient:J.1/1", "LogisticsTask:1", "Nothing:1", "+49170123456"),
]
_NUMBERS: Final[list[Any]] = [
    *(0, -0.0, -1, 101, 3001, 2**31, -(2**31), 2**53 + 1, 2**64, 10**40, 10**400, 1e308, -1e308, 5e-324, 0.1 + 0.2),
]
_JSON: Final[list[Any]] = [None, True, [[]], {"": 1}, {"a": [1, {"b": None}]}, {"a": 1e308}, {"a": 10**400}]
_BY_SCALAR: Final = {
    "Boolean": LEAVES["Boolean"],
    "Int": _NUMBERS,
    "Float": _NUMBERS,
    "JSON": [*_TEXTS, *_NUMBERS, *_JSON],
}


class HostileInputs(Inputs):
    """Makes the values of one operation; lives as long as that."""

    def _leaf(self, type_: GraphQLNamedType) -> Any:  # noqa: ANN401 - any JSON
        if type_.name not in LEAVES or not self._happens(HOSTILE):
            return super()._leaf(type_)
        return self.random.choice(_BY_SCALAR.get(type_.name, [*_TEXTS, *_NUMBERS]))


def hostile_operations(schema: GraphQLSchema, seed: int, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents and their variables, the same for the same seed.

    Args:
        schema: What they are about.
        seed: Any number.
        count: How many.
    """
    random = Random(seed)  # noqa: S311 - fuzzing is no cryptography
    roots = {"query": schema.query_type, "mutation": schema.mutation_type}
    fields = [(word, name, root) for word, root in roots.items() if root is not None for name in root.fields]
    for _ in range(count):
        word, name, root = random.choice(fields)
        inputs = HostileInputs(random)
        yield inputs.operation(name, root.fields[name], word, _selection(root.fields[name].type)), inputs.given


def _selection(output: GraphQLOutputType, depth: int = 0) -> str:
    """Everything of a type that needs no argument, down to a depth."""
    named = get_named_type(output)
    if is_leaf_type(named):
        return ""
    return f"{{ __typename {' '.join(_members(named, depth)) if is_object_type(named) else ''} }}"


def _members(object_type: GraphQLObjectType, depth: int) -> Iterator[str]:
    for name, field in object_type.fields.items():
        asked = is_leaf_type(get_named_type(field.type)) or depth < MAX_DEPTH
        if asked and not any(is_required_argument(one) for one in field.args.values()):
            yield f"{name} {_selection(field.type, depth + 1)}"
