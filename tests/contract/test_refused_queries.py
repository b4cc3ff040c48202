from typing import Any

import pytest

from resolvers.errors import BadInput
from tests.contract.operations import SCHEMA, NoWayOut, context_over, execute

STOPS = '{ address: "A" } { latitude: 1.3, longitude: 103.8 }'


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ('delivery(id: "SmsJob:J.1") { id }', ["id"]),
        ('delivery(id: "") { id }', ["id"]),
        ('smsJob(id: "Delivery:1") { id }', ["id"]),
        ('recipients(jobId: "Delivery:1") { totalCount }', ["jobId"]),
        ('recipients(jobId: "J.1", first: 3001) { totalCount }', ["first"]),
        ('recipients(jobId: "J.1", first: 0) { totalCount }', ["first"]),
        ('recipients(jobId: "J.1", after: "nonsense") { totalCount }', ["after"]),
        ('logisticsTask(id: "Delivery:1") { id }', ["id"]),
        ('organization(id: "Delivery:1") { id }', ["id"]),
        ("deliveries(first: 0) { totalCount }", ["first"]),
        ("deliveries(first: 101) { totalCount }", ["first"]),
        ('deliveries(after: "nonsense") { totalCount }', ["after"]),
        ('deliveries(after: "") { totalCount }', ["after"]),
        ("deliveries(filter: { ids: [] }) { totalCount }", ["filter", "ids"]),
        ('deliveries(filter: { ids: ["1", "Product:7"] }) { totalCount }', ["filter", "ids", "1"]),
        ('deliveries(filter: { ids: ["1,2"] }) { totalCount }', ["filter", "ids", "0"]),
        ('deliveries(filter: { productId: "Delivery:1" }) { totalCount }', ["filter", "productId"]),
        ("deliveries(filter: { status: UNKNOWN }) { totalCount }", ["filter", "status"]),
        ("deliveries(filter: { type: UNKNOWN }) { totalCount }", ["filter", "type"]),
        (
            'deliveries(filter: { dspUploadIdentificationId: "Product:7" }) { totalCount }',
            ["filter", "dspUploadIdentificationId"],
        ),
        (
            'deliveries(filter: { createdFrom: "2030-01-02", createdTo: "2030-01-01" }) { totalCount }',
            ["filter", "createdFrom"],
        ),
        ("smsJobs(first: 101) { nodes { id } }", ["first"]),
        ('smsJobs(from: "2030-01-02T00:00:00Z", to: "2030-01-01T00:00:00Z") { nodes { id } }', ["from"]),
        ('smsJobs(from: "2031-01-01T00:00:00Z") { nodes { id } }', ["from"]),
        ("logisticsTasks(first: 101) { nodes { id } }", ["first"]),
        ('organizations(after: "nonsense") { nodes { id } }', ["after"]),
        (f"priceQuote(input: {{ serviceType: LTL, stops: [{STOPS}] }}) {{ code }}", ["input", "serviceType"]),
        (f"priceQuote(input: {{ serviceType: LORRY_20FT, stops: [{STOPS}] }}) {{ code }}", ["input", "serviceType"]),
        (f"priceQuote(input: {{ serviceType: UNKNOWN, stops: [{STOPS}] }}) {{ code }}", ["input", "serviceType"]),
        ('priceQuote(input: { serviceType: CAR, stops: [{ address: "A" }] }) { code }', ["input", "stops"]),
        (f"priceQuote(input: {{ serviceType: CAR, stops: [{STOPS} {{}}] }}) {{ code }}", ["input", "stops", "2"]),
        (
            f'priceQuote(input: {{ serviceType: CAR, stops: [{STOPS} {{ address: " " }}] }}) {{ code }}',
            ["input", "stops", "2"],
        ),
        (
            f'priceQuote(input: {{ serviceType: CAR, stops: [{STOPS} {{ address: "A", latitude: 1 }}] }}) {{ code }}',
            ["input", "stops", "2"],
        ),
        (
            f"priceQuote(input: {{ serviceType: CAR, stops: [{STOPS} {{ latitude: 91, longitude: 1 }}] }}) {{ code }}",
            ["input", "stops", "2", "latitude"],
        ),
    ],
)
async def test_a_bad_argument_is_refused_with_the_path_to_it_before_any_call(field: str, path: list[str]) -> None:
    result = await execute(f"{{ {field} }}", {}, context_over(NoWayOut()))

    assert result.errors is not None
    (error,) = result.errors
    assert isinstance(error.original_error, BadInput)
    assert list(error.original_error.path) == path


@pytest.mark.parametrize(
    ("document", "variables", "said"),
    [
        ('{ smsJobs(from: "2030-01-02T00:00:00") { nodes { id } } }', {}, "names no offset"),
        ('{ smsJobs(from: "yesterday") { nodes { id } } }', {}, "ISO 8601"),
        ("{ smsJobs(from: 20300102) { nodes { id } } }", {}, "ISO 8601"),
        ('{ smsJobs(from: "0001-01-01T00:00:00+14:00") { nodes { id } } }', {}, "ISO 8601"),
        ('{ deliveries(filter: { createdFrom: "2030-02-30" }) { totalCount } }', {}, "2024-05-31"),
        (
            "query ($at: Float!) { priceQuote(input: { serviceType: CAR, stops: [{ latitude: $at }] }) { code } }",
            {"at": float("nan")},
            "NaN",
        ),
    ],
)
async def test_a_value_that_its_scalar_cannot_read_is_refused_with_what_to_write(
    document: str, variables: dict[str, Any], said: str
) -> None:
    result = await execute(document, variables, context_over(NoWayOut()))

    assert result.errors is not None
    assert said.lower() in result.errors[0].message.lower()


async def test_following_nothing_is_refused() -> None:
    following = await SCHEMA.subscribe(
        "subscription { statusChanged(ids: []) { cursor } }", context_value=context_over(NoWayOut())
    )

    (event,) = [event async for event in following]

    assert event.errors is not None
    assert isinstance(event.errors[0].original_error, BadInput)
    assert list(event.errors[0].original_error.path) == ["ids"]
