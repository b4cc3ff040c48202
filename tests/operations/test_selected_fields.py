"""The fields of a selection set, as all that read selections get them."""

import random
from typing import Any, Final

import pytest
from graphql import (
    FragmentDefinitionNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_object_type,
    parse,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import GroupedFieldSet, collect_fields, collect_subfields

from gateway.operations.compiled.fields import FieldGroups, Fields, condition_variables
from gateway.operations.compiled.run import NotCovered
from gateway.operations.execution import StandardExecution, core_schema
from resolvers.context import Context
from resolvers.selection import fields_of, holds
from resolvers.upstreams.call import CallScope
from schema.root import build_schema
from tests.operations.generated import Generator
from tests.operations.simulated import NOW, arguments_for, simulated_account

SCHEMA: Final = core_schema(build_schema())


def _parsed(text: str) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    definitions = parse(text).definitions
    (operation,) = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
    return operation, {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}


def _shown(selection_set: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> list[str]:
    return [
        " ".join([node.name.value, *types, *(f"@{one.name.value}" for one in directives)])
        for node, types, directives in fields_of(selection_set, fragments)
    ]


def test_fields_stand_in_the_order_of_the_document_with_all_that_is_around_them() -> None:
    operation, fragments = _parsed(
        """{ a ... on A @skip(if: $x) { b @include(if: true) ... { c } ...F } ...F @include(if: $y) z }
           fragment F on B { d ... on C { e { below } } }"""
    )

    assert _shown(operation.selection_set, fragments) == [
        "a",
        "b A @skip @include",
        "c A @skip",
        "d A B @skip",
        "e A B C @skip",
        "d B @include",
        "e B C @include",
        "z",
    ]


def test_a_fragment_that_is_missing_has_no_fields() -> None:
    operation, fragments = _parsed("{ a ...Missing b }")

    assert _shown(operation.selection_set, fragments) == ["a", "b"]


@pytest.mark.parametrize(
    ("directives", "asked_for"),
    [
        ("", True),
        ("@skip(if: true)", False),
        ("@skip(if: false)", True),
        ("@include(if: true)", True),
        ("@include(if: false)", False),
        ("@skip(if: $yes)", False),
        ("@include(if: $yes)", True),
        ("@include(if: $yes) @skip(if: $yes)", False),
        ("@include(if: $yes) @skip(if: $no)", True),
        ("@other(if: false)", True),
    ],
)
def test_skip_and_include_decide_alone(directives: str, asked_for: bool) -> None:
    operation, fragments = _parsed(f"{{ a {directives} }}")
    ((_, _, found),) = fields_of(operation.selection_set, fragments)

    assert holds(found, {"yes": True, "no": False}.__getitem__) is asked_for


class Compared:
    """Collects the fields of one operation as compiled plans do and as graphql-core does; lifetime: one comparison."""

    def __init__(self, executor: Executor[Any], conditions: dict[str, bool]) -> None:
        fragments = {name: details.definition for name, details in executor.fragments.items()}
        self._executor = executor
        self._fields = Fields(SCHEMA, fragments, conditions)
        self.sets = 0

    def operation(self) -> None:
        executor = self._executor
        root = SCHEMA.get_root_type(executor.operation.operation)
        assert root is not None
        collected = collect_fields(SCHEMA, executor.fragments, executor.variable_values, root, executor.operation)
        self._compare(root, self._fields.of(root, [executor.operation]), collected.grouped_field_set)

    def _compare(self, owner: GraphQLObjectType, ours: FieldGroups, theirs: GroupedFieldSet) -> None:
        assert list(ours) == list(theirs)
        self.sets += 1
        executor = self._executor
        for name, details in theirs.items():
            assert [id(node) for node in ours[name]] == [id(one.node) for one in details]
            definition = owner.fields.get(ours[name][0].name.value)
            named = definition and get_named_type(definition.type)
            for possible in SCHEMA.get_possible_types(named) if is_abstract_type(named) else [named]:
                if is_object_type(possible):
                    below = collect_subfields(
                        SCHEMA, executor.fragments, executor.variable_values, executor.operation, possible, details
                    )
                    self._compare(possible, self._fields.of(possible, ours[name]), below.grouped_field_set)


async def test_a_plan_takes_the_fields_that_graphql_core_collects() -> None:
    account = await simulated_account(failing=0)
    context = Context(account, CallScope(0), now=lambda: NOW)
    arguments = await arguments_for(account)
    sets = 0
    for seed in range(150):
        maker = Generator(SCHEMA, random.Random(seed), arguments)  # noqa: S311 - a test's own, to be repeated
        text, variables = maker.subscription() if seed % 5 == 0 else maker.operation()
        node = parse(text)
        operation, fragments = _parsed(text)
        executor = StandardExecution(SCHEMA).executor(node, operation, variables, context)
        if isinstance(executor, Executor):
            names = condition_variables(operation, fragments)
            conditions = {name: executor.variable_values.coerced[name] for name in names}
            # One that is null is for graphql-core to refuse; see `test_compiled_execution`.
            if all(isinstance(value, bool) for value in conditions.values()):
                compared = Compared(executor, conditions)
                compared.operation()
                sets += compared.sets

    assert sets > 500


def test_a_selection_with_another_directive_is_not_covered() -> None:
    operation, fragments = _parsed("query ($x: Boolean!) { a { b @include(if: $x) ... @other { c } } }")

    with pytest.raises(NotCovered):
        condition_variables(operation, fragments)


def test_the_conditions_of_other_operations_are_not_those_of_this_one() -> None:
    text = "query A($x: Boolean!) { ...F } fragment F on Query { a @skip(if: $x) @include(if: true) }"
    operation, fragments = _parsed(f"{text} fragment G on Query {{ b @skip(if: $y) }}")

    assert condition_variables(operation, fragments) == {"x"}
