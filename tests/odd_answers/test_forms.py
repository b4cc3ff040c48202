"""A field that comes in another form is read, or only it is null: every sample of the documents, leaf by leaf."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest

from tests.scripted_gateway import ScriptedGateway
from tests.upstreams.samples import sample
from tests.upstreams.test_lenient import BOM, Step, places, replaced

Json = Any

ADDRESS: Final = "address { streetAddress buildingName city state country zipCode latitude longitude }"
STOP: Final = (
    f"{{ {ADDRESS} timeWindow {{ start end startTimezone endTimezone }} contact {{ name phone email }} note }}"
)
DELIVERY: Final = """{
  sendTaskId type status progress final deliverable priority batchId messageId sendDate sentOn sentAt packagedBy sentBy
  createdBy sentOnBehalfOf { name dpid } createdAt updatedAt
}"""
JOB: Final = """{
  jobId progress final source encoding billcode statusRequested flash validityMinutes customerRef qos receivedAt
  finishedAt recipientCount
}"""
RECIPIENT: Final = "{ smsId destination processStatus progress status customerRef reason sentAt finishedAt }"
TASK: Final = f"""{{
  taskId trackingId groupTag invoiceNumber pickup {STOP} dropoff {STOP} distanceMeters urgent price {{ amount }}
  cargoNetQuantity broadcastPreference vehiclePreference vehicleEmissionsType status progress final
  driver {{ driverId name }} creationGroup clientTime clientTimezone organizationId platformId versionRev updatedAt
}}"""
WAY: Final = '{ serviceType: CAR, stops: [{ address: "a" }, { address: "b" }] }'


class Read(NamedTuple):
    """A query for all fields of a sample, and where its upstream answers it.

    Args:
        query: The fields that the schema does not promise are asked for as well.
        method: Of the upstream's request.
        path: Likewise.
        sample: The file of its answer.
        promised: What the schema says is never null: where it is missing, its record is null if it is asked for.
        sparse: Asks for none of them.
    """

    query: str
    method: str
    path: str
    sample: str
    promised: frozenset[str] = frozenset()
    sparse: str = ""


READS: Final = {
    "delivery": Read(
        f"{{ a: delivery(id: 4710) {DELIVERY} }}",
        "GET",
        "/api/v1/send-tasks/4710",
        "send_task.json",
        frozenset({"deliverable", "updated-at", "created-at"}),
        "{ a: delivery(id: 4710) { sendTaskId status } }",
    ),
    "deliveries": Read(
        f"{{ a: deliveries {{ totalCount nodes {DELIVERY} }} }}",
        "GET",
        "/api/v1/send-tasks",
        "send_task_list.json",
        frozenset({"updated-at", "total", "deliverable", "created-at"}),
        "{ a: deliveries { nodes { sendTaskId status } } }",
    ),
    "smsJob": Read(f'{{ a: smsJob(id: "J.1") {JOB} }}', "GET", "/rest/v1/jobs/J.1", "sms_job_report.json"),
    "recipients": Read(
        f'{{ a: recipients(jobId: "J.1") {{ totalCount nodes {RECIPIENT} }} }}',
        "GET",
        "/rest/v1/sms",
        "sms_recipients.json",
        frozenset({"dst"}),
        '{ a: recipients(jobId: "J.1") { nodes { smsId processStatus } } }',
    ),
    "smsJobs": Read("{ a: smsJobs { nodes { jobId } } }", "GET", "/rest/v1/jobs", "sms_job_list.json"),
    "smsApiVersion": Read(
        "{ a: smsApiVersion { majorVersion minorVersion buildNumber buildTimestamp versionInfo message } }",
        "GET",
        "/rest/v1/version",
        "sms_version.json",
        frozenset({"buildTimestamp", "minorVersion", "buildNumber"}),
        "{ a: smsApiVersion { majorVersion } }",
    ),
    "logisticsTask": Read(
        f'{{ a: logisticsTask(id: "t") {TASK} }}', "GET", "/logistics/platform/tasks/t", "logistics_task.json"
    ),
    "organizations": Read(
        "{ a: organizations { nodes { organizationId businessName createdAt updatedAt } } }",
        "GET",
        "/logistics/platform/organizations",
        "logistics_organizations.json",
        frozenset({"business_name"}),
        "{ a: organizations { nodes { organizationId } } }",
    ),
    "partner": Read(
        "{ a: partner { name clientKey webhookUrl createdAt updatedAt } }",
        "GET",
        "/logistics/partners/b3VyIGNsaWVudCBrZXk6b3VyIHNlY3JldCBrZXk%3D",
        "logistics_partner.json",
        frozenset({"client_key", "name"}),
        "{ a: partner { webhookUrl } }",
    ),
    "priceQuote": Read(
        f"{{ a: priceQuote(input: {WAY}) {{ total {{ amount currency }} average {{ amount }} waypoints code }} }}",
        "POST",
        "/logistics/price",
        "logistics_price.json",
        frozenset({"total_waypoint", "code", "average_fee"}),
        f"{{ a: priceQuote(input: {WAY}) {{ total {{ amount }} }} }}",
    ),
}

PASSED_THROUGH: Final = frozenset(
    {
        *("items", "statuses", "attachments", "org_transporter", "client", "epod", "vehicle_emissions", "distance"),
        *("ack-status-message", "recipientIds", "links", "relationships", "jsonapi", "zip_code"),
    }
)
"""What the schema hands on as it comes, or does not ask for."""

NEEDED: Final = frozenset(
    {
        *("id", "jobId", "smsId", "status", "processStatus", "current_status", "majorVersion"),
        *("total_fee", "total_fee_currency"),
    }
)
"""Without these there is no record, or nothing that can be said of it."""


_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT")


def leaves(name: str) -> Iterator[tuple[tuple[Step, ...], Json]]:
    """The path and value of each field that a query asks for."""
    body = json.loads(sample(READS[name].sample))
    for path in places(body):
        value = body
        for step in path:
            value = value[step]
        if path and not PASSED_THROUGH.intersection(map(str, path)):
            yield path, value


def in_other_forms(value: Json) -> Iterator[Json]:
    """The same value as another server would write it."""
    if isinstance(value, bool):
        yield from (int(value), str(value), str(value).lower(), str(int(value)), float(value))
    elif isinstance(value, int | float):
        yield from (str(value), float(value), f" {value} ", f"{float(value)}")
    elif isinstance(value, str) and value.isdigit():
        yield int(value)
    elif isinstance(value, str) and _INSTANT.match(value):
        yield from (value.lower(), value.replace("T", " "), f" {value} ")
        if value.endswith("Z"):
            yield from (value[:-1], value[:-1] + "+00:00", value[:-1] + " +0000")


async def asked(name: str, body: bytes, gateway: ScriptedGateway) -> tuple[Json, dict[str, str]]:
    read = READS[name]
    gateway.upstream.answer(read.method, read.path, body)
    answer = await gateway.ask(read.query)
    return answer.json["data"], answer.codes


def different(before: Json, after: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Where two answers differ, and what stands there now."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before:
            yield from different(before[name], after[name], f"{path}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from different(one, other, f"{path}.{number}")
    elif before != after:
        yield path, after


@pytest.mark.parametrize("name", READS)
async def test_a_field_in_another_form_is_read_as_the_same(name: str, gateway: ScriptedGateway) -> None:
    expected, codes = await asked(name, sample(READS[name].sample), gateway)
    assert codes == {}
    body = json.loads(sample(READS[name].sample))
    for path, value in leaves(name):
        for other in in_other_forms(value):
            found = await asked(name, replaced(body, path, other), gateway)
            assert found == (expected, {}), (path, other)


@pytest.mark.parametrize("name", READS)
async def test_only_the_field_that_makes_no_sense_is_null(name: str, gateway: ScriptedGateway) -> None:
    expected, _ = await asked(name, sample(READS[name].sample), gateway)
    body = json.loads(sample(READS[name].sample))
    for path, value in leaves(name):
        if path[-1] in NEEDED:
            continue
        for odd in (
            None,
            {},
            [],
            [["no"]],
            {"no": "sense"},
            *([20.5, "20.5"] if type(value) is int and path[-1] != "latitude" else []),
        ):
            data, codes = await asked(name, replaced(body, path, odd), gateway)
            changed = dict(different(expected, data))
            if path[-1] in READS[name].promised:
                assert list(codes.values()) == ["UPSTREAM_BAD_ANSWER"], (path, odd)
            else:
                assert codes == {}, (path, odd)
            assert all(one in (None, "UNKNOWN", False, "IN_PROGRESS") for one in changed.values()), (path, odd)


@pytest.mark.parametrize("name", [name for name, read in READS.items() if read.promised])
async def test_a_promised_field_that_is_missing_harms_nobody_who_does_not_ask(
    name: str, gateway: ScriptedGateway
) -> None:
    read = READS[name]
    gateway.upstream.answer(read.method, read.path, sample(read.sample))
    expected = (await gateway.ask(read.sparse)).data
    body = json.loads(sample(read.sample))
    for path, _ in leaves(name):
        if path[-1] in read.promised:
            body = json.loads(replaced(body, path, {}))
    gateway.upstream.answer(read.method, read.path, json.dumps(body).encode())

    assert (await gateway.ask(read.sparse)).data == expected
    assert (await gateway.ask(read.query)).codes != {}


@pytest.mark.parametrize("name", READS)
async def test_a_byte_order_mark_is_no_matter(name: str, gateway: ScriptedGateway) -> None:
    expected = await asked(name, sample(READS[name].sample), gateway)

    assert await asked(name, BOM + sample(READS[name].sample), gateway) == expected


WORDS: Final = [
    ("delivery", ("data", "attributes", "status"), "Completed", "status", "COMPLETED"),
    ("delivery", ("data", "attributes", "status"), "PROCESING", "status", "PROCESSING"),
    ("delivery", ("data", "attributes", "status"), " waiting ", "progress", "IN_PROGRESS"),
    ("delivery", ("data", "attributes", "status"), "ERROR", "final", True),
    ("delivery", ("data", "attributes", "status"), 7, "status", "UNKNOWN"),
    ("delivery", ("data", "attributes", "delivery-type"), "Redelivery", "type", "REDELIVERY"),
    ("delivery", ("data", "attributes", "delivery-type"), None, "type", "UNKNOWN"),
    ("smsJob", ("encoding",), "utf-16", "encoding", "UTF_16"),
    ("smsJob", ("qos",), "Express", "qos", "EXPRESS"),
    ("recipients", (0, "processStatus"), "done", "progress", "SUCCEEDED"),
    ("recipients", (0, "processStatus"), "Canceled", "processStatus", "CANCELED"),
    ("recipients", (0, "status"), "suc_fin", "progress", "SUCCEEDED"),
    ("logisticsTask", ("current_status",), "Complete", "status", "COMPLETE"),
    ("logisticsTask", ("current_status",), "CANCELLED", "progress", "CANCELLED"),
    ("logisticsTask", ("broadcast_preference",), "Squad", "broadcastPreference", "SQUAD"),
    ("logisticsTask", ("vehicle_preference",), "VAN_1.7M", "vehiclePreference", "VAN_1_7M"),
]


@pytest.mark.parametrize(("name", "path", "word", "field", "meaning"), WORDS)
async def test_a_word_means_the_same_in_any_case_of_letters(
    name: str, path: tuple[Step, ...], word: object, field: str, meaning: object, gateway: ScriptedGateway
) -> None:
    data, codes = await asked(name, replaced(json.loads(sample(READS[name].sample)), path, word), gateway)

    record = data["a"]["nodes"][0] if "nodes" in data["a"] else data["a"]
    assert (record[field], codes) == (meaning, {})


EMPTY: Final[list[tuple[str, tuple[Step, ...], object, Json]]] = [
    ("delivery", ("data",), None, None),
    ("delivery", ("data",), [], None),
    ("deliveries", ("data",), None, {"nodes": [], "totalCount": 1}),
    ("deliveries", ("data",), {}, {"nodes": [], "totalCount": 1}),
    ("smsJob", ("recipientIds",), {}, {"recipientCount": 0}),
    ("logisticsTask", ("driver",), [], {"driver": None}),
    ("logisticsTask", ("from_time_window",), [], {"pickup": {"timeWindow": {"start": None, "end": None}}}),
    ("logisticsTask", ("from_address",), [], {"pickup": {"address": {"city": None, "latitude": None}}}),
    ("logisticsTask", ("from_contact",), None, {"pickup": {"contact": None}}),
    ("logisticsTask", ("price",), None, {"price": None}),
    ("logisticsTask", ("to_address", "zip_code"), "099253", {"dropoff": {"address": {"zipCode": "099253"}}}),
    ("logisticsTask", ("to_address", "zip_code"), 159545.0, {"dropoff": {"address": {"zipCode": "159545"}}}),
    ("organizations", ("organizations",), None, {"nodes": []}),
    ("organizations", ("meta",), [], {}),
    ("organizations", ("meta",), None, {}),
    ("organizations", ("meta", "per_page"), "200", {}),
]


@pytest.mark.parametrize(("name", "path", "empty", "expected"), EMPTY)
async def test_what_is_empty_is_read_as_empty(
    name: str, path: tuple[Step, ...], empty: object, expected: Json, gateway: ScriptedGateway
) -> None:
    data, codes = await asked(name, replaced(json.loads(sample(READS[name].sample)), path, empty), gateway)

    assert codes == {}
    assert expected is None or data["a"] is not None
    assert list(differing(expected, data["a"])) == []


def differing(expected: Json, found: Json) -> Iterator[tuple[Json, Json]]:
    """Where an answer is not what is expected of it; it may have more fields."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            yield from differing(value, found[name])
    elif expected != found:
        yield expected, found


@pytest.mark.parametrize("size", ["1", 1, 1.0, "1.0", None, {}, "many", 0, -1])
async def test_a_page_size_in_another_form_moves_no_page(size: object, gateway: ScriptedGateway) -> None:
    body = replaced(json.loads(sample("send_task_list.json")), ("meta", "page", "perPage"), size)

    data, codes = await asked("deliveries", body, gateway)

    assert codes == {}
    assert [node["sendTaskId"] for node in data["a"]["nodes"]] == ["4711"]


RELATED: Final = "{ delivery(id: 4710) { product { productId attributes name } } }"


@pytest.mark.parametrize(
    ("body", "product"),
    [
        (b'{"data": {"id": 42, "attributes": []}}', {"productId": "42", "attributes": {}, "name": None}),
        (b'{"data": {"id": "42", "attributes": null}}', {"productId": "42", "attributes": {}, "name": None}),
        (
            b'{"data": {"id": "42", "attributes": {"name": 7}}}',
            {"productId": "42", "attributes": {"name": 7}, "name": "7"},
        ),
        (b'{"data": null}', None),
        (b'{"data": []}', None),
    ],
)
async def test_a_related_record_in_another_form_is_read(body: bytes, product: Json, gateway: ScriptedGateway) -> None:
    gateway.upstream.answer("GET", "/api/v1/send-tasks/4710", sample("send_task.json"))
    gateway.upstream.answer("GET", "/api/v1/send-tasks/4710/product", body)

    assert (await gateway.ask(RELATED)).data == {"delivery": {"product": product}}
