"""What an upstream writes where the contract cannot carry it is null or its bad answer, and no fault of ours."""

import json
from typing import Any, Final

import pytest

from resolvers.context import Context
from resolvers.errors import UpstreamBadAnswer
from tests.contract.operations import execute, replaced
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

TOO_LARGE: Final = 2**31

TASK: Final = '{ answer: logisticsTask(id: "t") { %s } }'
PRICE: Final = """{
  answer: priceQuote(input: { serviceType: CAR, stops: [{ address: "a" }, { address: "b" }] }) { waypoints }
}"""

Case = tuple[str, tuple[str, str], str, tuple[str | int, ...], object]

CASES: Final[dict[str, Case]] = {
    "a total": (
        "{ answer: deliveries { totalCount } }",
        ("GET", "/send-tasks"),
        "send_task_list.json",
        ("meta", "page", "total"),
        TOO_LARGE,
    ),
    "a build": (
        "{ answer: smsApiVersion { buildNumber } }",
        ("GET", "/version"),
        "sms_version.json",
        ("buildNumber",),
        TOO_LARGE,
    ),
    "a number of places": (PRICE, ("POST", "/price"), "logistics_price.json", ("total_waypoint",), TOO_LARGE),
    "no number of places": (PRICE, ("POST", "/price"), "logistics_price.json", ("total_waypoint",), None),
}


NULLS: Final[dict[str, Case]] = {
    "a validity": (
        '{ answer: smsJob(id: "J.1") { validityMinutes } }',
        ("GET", "/jobs/J.1"),
        "sms_job_report.json",
        ("validityMin",),
        TOO_LARGE,
    ),
    "a distance": (
        TASK % "distanceMeters",
        ("GET", "/platform/tasks/t"),
        "logistics_task.json",
        ("distance_in_meters",),
        TOO_LARGE,
    ),
    "a quantity": (
        TASK % "cargoNetQuantity",
        ("GET", "/platform/tasks/t"),
        "logistics_task.json",
        ("cargo_net_quantity",),
        -TOO_LARGE - 1,
    ),
    "a latitude": (
        TASK % "pickup { address { latitude } }",
        ("GET", "/platform/tasks/t"),
        "logistics_task.json",
        ("from_address",),
        {"latitude": "NaN"},
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_needed_number_that_the_contract_cannot_carry_is_a_bad_answer(
    case: str, upstream: RecordingServer, context: Context
) -> None:
    document, (method, path), file, place, value = CASES[case]
    upstream.answer(method, path, json.dumps(replaced(json.loads(sample(file)), place, value)).encode())

    result = await execute(document, {}, context)

    assert result.errors is not None
    assert [type(error.original_error) for error in result.errors] == [UpstreamBadAnswer]
    assert result.data == {"answer": None}


@pytest.mark.parametrize("case", NULLS)
async def test_any_other_number_that_the_contract_cannot_carry_is_null(
    case: str, upstream: RecordingServer, context: Context
) -> None:
    document, (method, path), file, place, value = NULLS[case]
    upstream.answer(method, path, json.dumps(replaced(json.loads(sample(file)), place, value)).encode())

    result = await execute(document, {}, context)

    assert result.errors is None
    answer: Any = result.data and result.data["answer"]
    while isinstance(answer, dict):
        (answer,) = answer.values()
    assert answer is None


@pytest.mark.parametrize(("quantity", "read"), [(TOO_LARGE - 1, TOO_LARGE - 1), (TOO_LARGE, None), ("2", None)])
async def test_an_items_quantity_that_is_no_such_number_is_left_to_its_attributes(
    quantity: object, read: int | None, upstream: RecordingServer, context: Context
) -> None:
    items: list[Any] = [{"quantity": quantity}]
    body = replaced(json.loads(sample("logistics_task.json")), ("items",), items)
    upstream.answer("GET", "/platform/tasks/t", json.dumps(body).encode())

    result = await execute(TASK % "items { quantity attributes }", {}, context)

    assert result.errors is None
    assert result.data == {"answer": {"items": [{"quantity": read, "attributes": {"quantity": quantity}}]}}
