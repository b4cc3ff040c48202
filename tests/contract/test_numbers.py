"""Numbers that JSON or money cannot hold are refused with their place, and nothing is sent upstream."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
from graphql import GraphQLInputObjectType, get_named_type

from gateway.operations.execution import core_schema
from resolvers.errors import BadInput
from resolvers.upstreams.encoding import request_body
from schema.root import build_schema
from tests.contract import documents
from tests.scripted_gateway import ScriptedGateway, scripted_gateway

INFINITE: Final = ("1e400", "-1e400", "1e999999")


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    async with scripted_gateway() as running:
        yield running


STOP: Final = """{
  address: { %s }, timeWindow: { start: "2030-01-02T08:00:00Z", end: "2030-01-02T08:00:00Z" }, contact: { name: "n" }
}"""
CREATE: Final = """mutation { answer: createLogisticsTasks(tasks: [{
  pickup: %s, dropoff: %s, items: [{ name: "n", attributes: %s }]
}]) { errors { __typename ... on InvalidInput { path } } } }"""
UPDATE: Final = """mutation { answer: updateLogisticsTask(id: "t", input: { versionRev: "0-a", %s }) {
  errors { __typename ... on InvalidInput { path } }
} }"""
PRICE: Final = """{ answer: priceQuote(input: { serviceType: CAR, stops: [{ address: "a" }, { %s }] }) { code } }"""
NEAR: Final = STOP % 'streetAddress: "a"'

PLACES: Final[dict[str, tuple[str, list[str]]]] = {
    "UpdateLogisticsTaskInput.totalItemWeight": (UPDATE % "totalItemWeight: NUMBER", ["input", "totalItemWeight"]),
    "UpdateLogisticsTaskInput.totalItemVolume": (UPDATE % "totalItemVolume: NUMBER", ["input", "totalItemVolume"]),
    "UpdateLogisticsTaskInput.epod": (
        UPDATE % "epod: { a: [1, { b: NUMBER }] }",
        ["input", "epod", "a", "1", "b"],
    ),
    "TaskItemInput.attributes": (
        CREATE % (NEAR, NEAR, "{ weights: [NUMBER] }"),
        ["tasks", "0", "items", "0", "attributes", "weights", "0"],
    ),
    "AddressInput.latitude": (
        CREATE % (STOP % "latitude: NUMBER", NEAR, "{}"),
        ["tasks", "0", "pickup", "address", "latitude"],
    ),
    "AddressInput.longitude": (
        CREATE % (NEAR, STOP % "longitude: NUMBER", "{}"),
        ["tasks", "0", "dropoff", "address", "longitude"],
    ),
    "PriceStopInput.latitude": (PRICE % "latitude: NUMBER, longitude: 1", ["input", "stops", "1", "latitude"]),
    "PriceStopInput.longitude": (PRICE % "latitude: 1, longitude: NUMBER", ["input", "stops", "1", "longitude"]),
}


def fields_of(*scalars: str) -> Iterator[str]:
    """The input fields of some scalars."""
    for name, kind in core_schema(build_schema()).type_map.items():
        if isinstance(kind, GraphQLInputObjectType):
            yield from (f"{name}.{own}" for own, one in kind.fields.items() if get_named_type(one.type).name in scalars)


def test_every_input_that_may_hold_a_float_is_in_the_table() -> None:
    assert set(fields_of("Float", "JSON")) == set(PLACES)


async def paths_of(gateway: ScriptedGateway, query: str, variables: dict[str, Any] | None = None) -> list[list[str]]:
    answer = (await gateway.ask(query, variables)).json
    told = [error["path"] for error in ((answer["data"] or {}).get("answer") or {}).get("errors", ())]
    return told + [error["extensions"]["argumentPath"] for error in answer.get("errors", ())]


@pytest.mark.parametrize("number", INFINITE)
@pytest.mark.parametrize("place", PLACES)
async def test_a_number_that_is_not_finite_is_refused_with_its_place(
    place: str, number: str, gateway: ScriptedGateway
) -> None:
    query, path = PLACES[place]

    assert await paths_of(gateway, query.replace("NUMBER", number)) == [path]
    assert gateway.asked == []


@pytest.mark.parametrize("place", PLACES)
async def test_so_it_is_as_the_default_of_a_variable(place: str, gateway: ScriptedGateway) -> None:
    query, path = PLACES[place]
    scalar = "JSON" if place.endswith(("epod", "attributes")) else "Float"
    operation, _, selection = query.partition("{")
    declared = f"{operation or 'query'} ($n: {scalar} = 1e400) {{{selection}"

    assert await paths_of(gateway, declared.replace("NUMBER", "$n")) == [path]
    assert gateway.asked == []


@pytest.mark.parametrize("number", [*INFINITE, "NaN", "Infinity"])
async def test_so_it_is_in_variables(number: str, gateway: ScriptedGateway) -> None:
    for change in ({"totalItemWeight": "NUMBER"}, {"epod": {"a": ["NUMBER"]}}):
        variables = {"id": "t", "input": {"versionRev": "0-a", **change}}
        body = json.dumps({"query": documents.UPDATE_TASK, "variables": variables}).replace('"NUMBER"', number)

        answer = await gateway.client.post(
            f"{gateway.url}/graphql", content=body, headers={"content-type": "application/json"}
        )

        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["BAD_INPUT"]
        assert gateway.upstream.requests == []


MONEY: Final = [
    ('"1_5"', None),
    ('"\u0663"', None),
    ('" 1.5"', None),
    ('"NaN"', None),
    ("1.2345678901234567", None),
    ("12345678901.12345", None),
    ("0.100000000000000005551", None),
    ("1e400", None),
    ("1.25", 125000),
    ("1.50000000000000000000", 150000),
    ("12345678901.1234", 1234567890112340),
    ("2", 200000),
    ('"12345678901.12345"', 1234567890112345),
]


@pytest.mark.parametrize(("amount", "sent"), MONEY)
async def test_an_amount_is_sent_to_the_last_digit_or_refused(
    amount: str, sent: int | None, gateway: ScriptedGateway
) -> None:
    change = f'minPrice: {{ amount: {amount}, currency: "SGD" }}'

    answer = await gateway.ask(UPDATE % change)

    if sent is None:
        assert [error["extensions"]["code"] for error in answer.json["errors"]] == ["BAD_INPUT"]
        assert gateway.asked == []
    else:
        assert gateway.upstream.requests[0].json == {"version_rev": "0-a", "min_price": sent, "currency": "SGD"}


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), [1, {"a": float("inf")}], "\ud800"])
def test_no_body_is_written_of_what_json_cannot_say(value: object) -> None:
    with pytest.raises(BadInput):
        request_body({"epod": value})


def test_a_body_is_written_as_it_is() -> None:
    assert (
        request_body({"epod": [1.5, 10**30, None, "x"]}) == b'{"epod":[1.5,1000000000000000000000000000000,null,"x"]}'
    )
