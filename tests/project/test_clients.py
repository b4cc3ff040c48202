"""The client reference says what the code does."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from graphql import GraphQLInterfaceType, parse, validate

from gateway.http import refusals
from gateway.http.response import _STATUSES, _STATUSES_OF_TYPES
from gateway.operations.diagnostics import call_entry
from gateway.operations.documents.documents import MAX_ERRORS
from gateway.operations.documents.variable_errors import PATH_EXTENSION
from gateway.operations.execution import core_schema
from gateway.operations.responses.report import MAX_MESSAGE, entry_of
from resolvers.connections import MAX_FIRST
from resolvers.errors import BadInput, GatewayError, UpstreamRateLimited
from resolvers.sms.jobs import MAX_RECIPIENTS
from resolvers.trails import MARKED
from resolvers.upstreams.call import CacheOutcome, CallTrace, Mark
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.requests import MAX_LIMIT, WINDOW
from schema.inputs.checks import MAX_REFUSALS
from schema.root import build_schema
from schema.scalars import MAX_BARE_DIGITS, MAX_DECIMAL_LENGTH, SCALARS
from tests.project.markdown import blocks, first_cells, in_backticks, section
from tests.project.tree import ROOT

PAGE = (ROOT / "docs" / "clients.md").read_text()
SCHEMA = core_schema(build_schema())


def kinds(error: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


def names_of(enum: str) -> set[str]:
    return set(SCHEMA.type_map[enum].values)  # type: ignore[attr-defined]  # an enum has values


def shown_objects() -> list[dict[str, Any]]:
    return [json.loads(block) for block in blocks(PAGE, "json")]


def test_every_error_code_is_explained_and_nothing_else_is() -> None:
    assert sorted(first_cells(section(PAGE, "Error codes"))) == sorted({kind.code for kind in kinds(GatewayError)})


def test_every_field_of_the_roots_is_named_and_nothing_else_is() -> None:
    roots = [SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type]
    named = [cell.partition("(")[0] for cell in first_cells(section(PAGE, "Operations"))]

    assert sorted(named) == sorted(field for root in roots if root is not None for field in root.fields)


def test_every_argument_that_is_shown_with_a_field_is_one_of_its_own() -> None:
    fields = {**SCHEMA.query_type.fields, **SCHEMA.subscription_type.fields}  # type: ignore[union-attr]  # both exist
    shown = [cell.rstrip(")").split("(") for cell in first_cells(section(PAGE, "Operations")) if "(" in cell]

    assert shown
    for name, arguments in shown:
        assert {one.strip(" :") for one in arguments.split(",")} <= fields[name].args.keys()


def test_every_type_of_error_of_a_mutation_is_explained_with_its_own_fields() -> None:
    interface = SCHEMA.type_map["MutationError"]
    assert isinstance(interface, GraphQLInterfaceType)
    types = SCHEMA.get_possible_types(interface)
    text = section(PAGE, "Mutations")

    assert sorted(first_cells(text)) == sorted(one.name for one in types)
    for one in types:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{one.name}` |")]
        assert one.fields.keys() - interface.fields.keys() <= set(in_backticks(row))


def test_every_scalar_of_ours_is_explained() -> None:
    assert sorted(first_cells(section(PAGE, "Values"))) == sorted(str(one.name) for one in SCALARS.values())


def test_every_kind_of_event_and_every_progress_is_named() -> None:
    assert set(first_cells(section(PAGE, "Subscriptions"))) == names_of("StatusEventKind")
    assert names_of("Progress") <= set(in_backticks(section(PAGE, "Status")))


def test_every_status_of_the_endpoint_is_explained() -> None:
    given = {kind.status for kind in refusals.HttpRefusal.__subclasses__() if kind.__module__ == refusals.__name__}
    given |= {*_STATUSES.values(), *_STATUSES_OF_TYPES.values(), 200, 304, 500}
    rows = [line.split("|")[1].strip() for line in section(PAGE, "Status codes").splitlines() if line.startswith("|")]

    assert {int(row) for row in rows if row.isdigit()} == given


def test_the_extensions_of_an_error_are_those_that_are_explained() -> None:
    retryable = entry_of(UpstreamRateLimited(UpstreamName.SMS, "", retry_after=1))["extensions"]
    refused = entry_of(BadInput("", path=["id"]))["extensions"]
    (shown,) = [one for one in shown_objects() if "message" in one]

    assert set(first_cells(section(PAGE, "Errors"))) == retryable.keys() | refused.keys() | {PATH_EXTENSION}
    assert shown["extensions"].keys() == refused.keys()


def test_a_call_is_shown_with_all_its_members() -> None:
    (shown,) = [one for one in shown_objects() if "tries" in one]

    trace = CallTrace(UpstreamName.SMS, "GET", "/", 200, 1.0, "miss", 1, "version", 0.0, [Mark("pause", 0.0, 503)], 2)
    entry = call_entry(trace, 0.0)
    assert list(shown) == list(entry)
    assert set(shown["phases"][1]) == set(entry["phases"][0])
    assert set(get_args(Mark.__annotations__["phase"])) - {"try"} <= set(in_backticks(section(PAGE, "Explain")))
    assert set(get_args(CacheOutcome)) <= set(in_backticks(section(PAGE, "Explain")))


def test_the_example_of_a_null_is_one_that_validation_lets_pass() -> None:
    (query,) = [one for one in in_backticks(PAGE) if one.startswith("query ")]

    assert validate(SCHEMA, parse(query)) == []


@pytest.mark.parametrize(
    "said",
    [
        f"1 to {MAX_FIRST}, for `recipients` 1 to {MAX_RECIPIENTS}",
        f"up to {MAX_RECIPIENTS} recipients",
        f"more than {MAX_LIMIT} jobs within {WINDOW.days} days",
        f"two windows of {WINDOW.days} days",
        f"up to {MAX_REFUSALS} problems",
        f"up to {MAX_MESSAGE:,} characters",
        f"Up to {MAX_ERRORS} errors are reported of a document",
        f"at most {MAX_DECIMAL_LENGTH} characters",
        f"up to {MAX_BARE_DIGITS} digits",
        f"last {('no', 'one', 'two', 'three')[MARKED]} records",
    ],
)
def test_the_figures_of_the_page_are_those_of_the_code(said: str) -> None:
    assert said in " ".join(PAGE.split())
