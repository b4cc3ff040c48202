"""Bounds on documents, and that checking them takes no time to speak of."""

from typing import Final

import pytest
from graphql import get_introspection_query

from gateway.operations.documents.documents import Documents
from gateway.operations.documents.limits import DocumentLimits
from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.cpu_time import cpu_time

SCHEMA: Final = core_schema(build_schema())


def chain(links: int, spread: str, last: str) -> str:
    """A query with fragments each of which spreads the next."""
    fragments = [f"fragment F{one} on Delivery {{ {spread.format(one + 1)} }}" for one in range(links)]
    return " ".join(['{ delivery(id: "1") { ...F0 } }', *fragments, f"fragment F{links} on Delivery {{ {last} }}"])


def aliases(count: int) -> str:
    return "{ " + " ".join(f"a{one}: __typename" for one in range(count)) + " }"


def errors_of(text: str, limits: DocumentLimits | None = None) -> list[str]:
    return [error.message for error in Documents(SCHEMA, limits).get(text).errors]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (aliases(51), "51 aliases"),
        ("{ __typename " + "@skip(if: false) @include(if: true) " * 11 + "}", "22 directives"),
        ('{ smsJob(id: "1") ' + "{ recipients { nodes { job " * 4 + "{ jobId }" + " } } }" * 4 + " }", "14 levels"),
        (chain(100, "...F{0} ...F{0}", "id"), "billions of selections"),
        (chain(100, "...F{0} ...F{0}", ""), "billions of selections"),
        (chain(12, "a: product {{ id }} ...F{0} ...F{0}", "id"), "selections"),
        ("{ " + "__typename " * 2100 + "}", "2000 tokens"),
        ("{ __typename } " + "#\n" * 3000, "2000"),
        ("{" + " upstreams { name }" * 400 + "}", "the same fields too often"),
        ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "spreads itself"),
        ("{ __typename } fragment A on Query { ...A }", "spreads itself"),
        ("{ a" * 900, "nested too deeply"),
        (
            "{ __schema { types { " + " ".join(f"a{one}: name" for one in range(6)) + " } } }",
            "aliases in introspection",
        ),
        ("{ __schema { types { fields { type { " + "ofType { " * 17 + "name" + " }" * 22, "levels of introspection"),
    ],
)
def test_a_document_that_asks_for_too_much_is_refused_at_once(text: str, said: str) -> None:
    with cpu_time() as cpu:
        errors = errors_of(text)

    assert any(said in error for error in errors), errors
    assert cpu.seconds < 0.5


@pytest.mark.parametrize(
    "text",
    [
        aliases(50),
        "{ __typename " + "@skip(if: false) " + "}",
        get_introspection_query(input_value_deprecation=True, schema_description=True, specified_by_url=True),
        chain(5, "id ...F{0}", "product { id }"),
        "{ deliveries { nodes { ...A ...B ...C } } }"
        + "".join(f" fragment {name} on Delivery {{ id status product {{ id name }} }}" for name in "ABC"),
    ],
)
def test_an_ordinary_document_is_accepted(text: str) -> None:
    assert errors_of(text) == []


def test_every_limit_is_the_operators() -> None:
    text = "{ a: upstreams @skip(if: false) { name } }"

    assert errors_of(text, DocumentLimits(depth=2, tokens=15, aliases=1, directives=1)) == []
    assert "depth" not in errors_of(text, DocumentLimits(depth=1))[0]
    assert "2 levels of nested fields" in errors_of(text, DocumentLimits(depth=1))[0]
    assert "tokens" in errors_of(text, DocumentLimits(tokens=14))[0]
    assert "1 aliases" in errors_of(text, DocumentLimits(aliases=0))[0]
    assert "1 directives" in errors_of(text, DocumentLimits(directives=0))[0]


def test_fragments_count_wherever_they_are_spread() -> None:
    text = "{ ...A ...B } fragment A on Query { x: __typename } fragment B on Query { ...A y: __typename }"

    assert errors_of(text, DocumentLimits(aliases=3)) == []
    assert "3 aliases" in errors_of(text, DocumentLimits(aliases=2))[0]


@pytest.mark.parametrize("suggestions", [True, False])
def test_no_error_suggests_names_where_the_schema_is_not_to_be_known(suggestions: bool) -> None:
    documents = Documents(SCHEMA, introspection=suggestions, suggestions=suggestions)

    (error,) = documents.get("{ delivry { id } }").errors

    assert ("Did you mean" in error.message) is suggestions
    assert bool(documents.get("{ __schema { types { name } } }").errors) is not suggestions
    assert not documents.get("{ __typename }").errors
