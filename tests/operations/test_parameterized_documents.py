"""Documents that differ only in their literals are read once, and answered as if each had been read by itself."""

from typing import Any

import pytest
from graphql import GraphQLSchema, parse, print_ast, validate
from hypothesis import given
from hypothesis import strategies as st

from gateway.operations.documents.documents import Document, Documents
from gateway.operations.documents.parameterized import split_literals
from gateway.operations.execution import core_schema
from schema.root import build_schema

SCHEMA: GraphQLSchema = core_schema(build_schema())


def messages(document: Document) -> list[tuple[str, Any]]:
    return [(error.message, error.locations) for error in document.errors]


def read_alone(text: str) -> Document:
    return Documents(SCHEMA).get(text)


def test_a_second_document_of_a_shape_shares_its_plans_and_keeps_its_own_literals() -> None:
    documents = Documents(SCHEMA)

    first = documents.get('{ delivery(id: "1") { id } deliveries(first: 5) { totalCount } }')
    second = documents.get('{ delivery(id: "Delivery:22") { id } deliveries(first: 100) { totalCount } }')

    assert second.plans is first.plans
    assert list(first.literals.values()) == ["1", 5]
    assert list(second.literals.values()) == ["Delivery:22", 100]
    assert second.node is not None
    assert print_ast(second.node) == print_ast(parse(second.text))


@pytest.mark.parametrize(
    ("known", "text"),
    [
        pytest.param(
            "{ deliveries(first: 5) { totalCount } }",
            "{ deliveries(first: 5000000000) { totalCount } }",
            id="an Int too large",
        ),
        pytest.param(
            "{ deliveries(first: 5) { totalCount } }",
            '{ deliveries(first: "5") { totalCount } }',
            id="a string for an Int",
        ),
        pytest.param(
            "{ deliveries(first: 5) { totalCount } }",
            "{ deliveries(first: 5.5) { totalCount } }",
            id="a fraction for an Int",
        ),
        pytest.param(
            "{ deliveries(first: 5) { totalCount } }", "{ deliveries(first: 05) { totalCount } }", id="an octal"
        ),
        pytest.param(
            "{ deliveries(first: 5) { totalCount } }",
            "{ deliveries(first: 5x) { totalCount } }",
            id="a number that runs into a name",
        ),
        pytest.param(
            '{ smsJobs(from: "2024-01-01T00:00:00Z") { nodes { id } } }',
            '{ smsJobs(from: "yesterday") { nodes { id } } }',
            id="no instant",
        ),
        pytest.param('{ delivery(id: "1") { id } }', '{ delivery(id: "\\u0031") { id } }', id="an escape"),
        pytest.param('{ delivery(id: "1") { id } }', '{ delivery(id: """1""") { id } }', id="a block string"),
        pytest.param('{ delivery(id: "1") { id } }', '{ delivery(id: "1) { id } }', id="an unfinished string"),
        pytest.param(
            '{ delivery(id: "1") { id } }', '{ delivery(id: "1") { id } # "2" \n}', id="a comment with a string"
        ),
        pytest.param(
            '{ node(id: "1") { id ... on Delivery { id } } delivery(id: "1") { id } delivery(id: "1") { status } }',
            '{ node(id: "1") { id ... on Delivery { id } } delivery(id: "1") { id } delivery(id: "2") { status } }',
            id="fields that cannot be merged any more",
        ),
    ],
)
def test_a_literal_that_makes_a_difference_is_judged_as_in_a_document_of_its_own(known: str, text: str) -> None:
    documents = Documents(SCHEMA)
    documents.get(known)

    document = documents.get(text)

    assert messages(document) == messages(read_alone(text))
    if not document.errors:
        assert document.node is not None
        assert print_ast(document.node) == print_ast(parse(text))


strings = st.text(st.characters(exclude_characters='"\\', min_codepoint=1, max_codepoint=0x2FF), max_size=8)
texts = st.lists(
    st.one_of(
        st.sampled_from(
            ["{ delivery(id: ", ") { id } ", "}", '"', '""', '"""', "#", "\n", " ", "first: ", "a", "-", ".", ",", "$x"]
        ),
        strings.map(lambda value: f'"{value}"'),
        st.integers(-5, 2**33).map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
    ),
    max_size=9,
).map("".join)


@given(first=texts, second=texts)
def test_texts_of_one_shape_have_the_same_tokens_but_for_their_literals(first: str, second: str) -> None:
    one, other = split_literals(first), split_literals(second)

    if one is not None and other is not None and one.key == other.key:
        assert len(one.values) == len(other.values)
        for between, value, another in zip(one.key.split('"'), one.values, other.values, strict=False):
            assert first.startswith(between + value)
            assert second.startswith(between + another)
            first, second = first[len(between + value) :], second[len(between + another) :]
        assert first == second


@given(identifier=strings, first=st.integers(-(2**40), 2**40), latitude=st.floats(-200, 200))
def test_any_literals_in_a_known_shape_are_valid_exactly_where_they_are_in_a_new_document(
    identifier: str, first: int, latitude: float
) -> None:
    documents = Documents(SCHEMA)
    pattern = (
        '{{ delivery(id: "{}") {{ id }} deliveries(first: {}) {{ totalCount }}'
        " priceQuote(input: {{serviceType: CAR, stops: [{{latitude: {}}}]}}) {{ code }} }}"
    )
    documents.get(pattern.format("1", 1, 1.5))
    text = pattern.format(identifier, first, latitude)

    document = documents.get(text)

    expected = read_alone(text)
    assert messages(document) == messages(expected)
    if not document.errors:
        assert document.node is not None
        assert validate(SCHEMA, document.node) == []
        assert print_ast(document.node) == print_ast(parse(text))
