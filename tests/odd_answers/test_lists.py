"""One record of a list or a batch that cannot be read is null with one error, and the others are there."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, NamedTuple

import pytest

from tests.scripted_gateway import ScriptedGateway, scripted_gateway
from tests.upstreams.samples import sample

Json = Any

DELIVERY: Final = json.loads(sample("send_task.json"))["data"]
TASK: Final = json.loads(sample("logistics_task.json"))
RECIPIENT: Final = json.loads(sample("sms_recipients.json"))[0]
REPORT: Final = json.loads(sample("sms_job_report.json"))

IDS: Final = ("4711", "4712", "4713")


def delivery(own_id: str) -> Json:
    return {**DELIVERY, "id": own_id}


def task(own_id: str) -> Json:
    return {**TASK, "id": own_id}


def organization(own_id: str) -> Json:
    return {"id": own_id, "business_name": "ABC Merchant"}


def recipient(own_id: str) -> Json:
    return {**RECIPIENT, "smsId": own_id}


def job(own_id: str) -> Json:
    return {"jobId": own_id}


def report(own_id: str) -> Json:
    return {**REPORT, "jobId": own_id}


def deliveries(records: list[Json]) -> Json:
    return {"data": records, "meta": {"page": {"total": len(records), "perPage": 20}}}


def tasks(records: list[Json]) -> Json:
    return {"tasks": records}


def organizations(records: list[Json]) -> Json:
    return {"organizations": records}


def as_they_are(records: list[Json]) -> Json:
    return records


class ListField(NamedTuple):
    """A list of the schema, and what its upstream answers.

    Args:
        query: Asks for `id` in an alias `own` of the record's own id.
        nodes: Where the records stand in the answer.
        path: Of the list upstream.
        body: Makes the answer of records.
        record: Makes a record of its id.
        id_name: What the id is called upstream.
        needed: The path of what a record must have besides; empty where that is nothing.
    """

    query: str
    nodes: tuple[str, ...]
    path: str
    body: Callable[[list[Json]], Json]
    record: Callable[[str], Json]
    id_name: str
    needed: tuple[str, ...] = ()


SEND_TASKS: Final = "/api/v1/send-tasks"
TASK_LIST: Final = "/logistics/platform/tasks"
STATUS: Final = ("attributes", "status")
IDS_QUERY: Final = '{ answer: deliveries(filter: { ids: ["4711", "4712", "4713"] }) { nodes { own: sendTaskId } } }'

FIELDS: Final = {
    "deliveries": ListField(
        "{ answer: deliveries { nodes { own: sendTaskId } } }",
        ("answer", "nodes"),
        SEND_TASKS,
        deliveries,
        delivery,
        "id",
        STATUS,
    ),
    "edges of deliveries": ListField(
        "{ answer: deliveries { edges { cursor node { own: sendTaskId } } } }",
        ("answer", "edges"),
        SEND_TASKS,
        deliveries,
        delivery,
        "id",
        STATUS,
    ),
    "tasks": ListField(
        "{ answer: logisticsTasks { nodes { own: taskId } } }",
        ("answer", "nodes"),
        TASK_LIST,
        tasks,
        task,
        "id",
        ("current_status",),
    ),
    "organizations": ListField(
        "{ answer: organizations { nodes { own: organizationId } } }",
        ("answer", "nodes"),
        "/logistics/platform/organizations",
        organizations,
        organization,
        "id",
    ),
    "recipients": ListField(
        '{ answer: recipients(jobId: "J.1") { nodes { own: smsId } } }',
        ("answer", "nodes"),
        "/rest/v1/sms",
        as_they_are,
        recipient,
        "smsId",
        ("processStatus",),
    ),
    "recipients of a job": ListField(
        '{ answer: smsJob(id: "J.1") { recipients { edges { node { own: smsId } } } } }',
        ("answer", "recipients", "edges"),
        "/rest/v1/sms",
        as_they_are,
        recipient,
        "smsId",
        ("processStatus",),
    ),
    "jobs by id": ListField(
        "{ answer: smsJobs { nodes { own: jobId } } }",
        ("answer", "nodes"),
        "/rest/v1/jobs",
        as_they_are,
        job,
        "jobId",
    ),
    "jobs with reports": ListField(
        "{ answer: smsJobs { edges { node { own: jobId source } } } }",
        ("answer", "edges"),
        "/rest/v1/jobs",
        as_they_are,
        job,
        "jobId",
    ),
}

NO_RECORDS: Final[dict[str, Json]] = {
    "null": None,
    "a number": 7,
    "a text": "4712",
    "a boolean": True,
    "an empty list": [],
    "a list": [["4712"]],
    "an empty object": {},
}


def bad_records(field: ListField) -> Iterator[tuple[str, Json]]:
    """What stands in the place of the second record, by a name for it."""
    good = field.record(IDS[1])
    yield from NO_RECORDS.items()
    for name, value in (("null", None), ("empty", ""), ("an object", {}), ("a list", ["4712"]), ("a boolean", True)):
        yield f"an id that is {name}", {**good, field.id_name: value}
    yield "no id", {name: value for name, value in good.items() if name != field.id_name}
    if field.needed:
        wrong: Json
        for wrong in (None, {}, [], True):
            yield f"{field.needed[-1]} {wrong}", with_value(good, field.needed, wrong)


def with_value(record: Json, path: tuple[str, ...], value: Json) -> Json:
    first, *rest = path
    return {**record, first: with_value(record[first], tuple(rest), value) if rest else value}


def own_ids(nodes: list[Json]) -> list[str | None]:
    read = [node.get("node") if node and ("node" in node or "cursor" in node) else node for node in nodes]
    return [node and node["own"] for node in read]


@pytest.mark.parametrize("name", FIELDS)
async def test_a_bad_record_is_null_with_an_error_in_its_place(name: str, gateway: ScriptedGateway) -> None:
    field = FIELDS[name]
    for own_id in ("J.1", *IDS):
        gateway.upstream.answer("GET", f"/rest/v1/jobs/{own_id}", json.dumps(report(own_id)).encode())
    for form, bad in bad_records(field):
        records = [field.record(IDS[0]), bad, field.record(IDS[2])]
        gateway.upstream.answer("GET", field.path, json.dumps(field.body(records)).encode())

        answer = await gateway.ask(field.query)

        nodes = answer.json["data"]
        for step in field.nodes:
            nodes = nodes[step]
        place = [*field.nodes, "1", *(["node"] if field.nodes[-1] == "edges" else [])]
        assert own_ids(nodes) == [IDS[0], None, IDS[2]], form
        assert answer.codes == {".".join(place): "UPSTREAM_BAD_ANSWER"}, form
        assert gateway.asked.count(f"GET {field.path}") == 1, form


@pytest.mark.parametrize("name", FIELDS)
async def test_several_bad_records_are_several_nulls(name: str, gateway: ScriptedGateway) -> None:
    field = FIELDS[name]
    for own_id in ("J.1", *IDS):
        gateway.upstream.answer("GET", f"/rest/v1/jobs/{own_id}", json.dumps(report(own_id)).encode())
    records = [None, field.record(IDS[0]), None, {}, field.record(IDS[2])]
    gateway.upstream.answer("GET", field.path, json.dumps(field.body(records)).encode())

    answer = await gateway.ask(field.query)

    nodes = answer.json["data"]
    for step in field.nodes:
        nodes = nodes[step]
    assert own_ids(nodes) == [None, IDS[0], None, None, IDS[2]]
    assert list(answer.codes.values()) == ["UPSTREAM_BAD_ANSWER"] * 3


DELIVERIES: Final = FIELDS["deliveries"]


@pytest.mark.parametrize("form", dict(bad_records(DELIVERIES)))
@pytest.mark.parametrize(
    ("query", "bad_place", "single"),
    [
        ('{ nodes(ids: ["Delivery:4711", "Delivery:4712", "Delivery:4713"]) { id } }', "nodes.1", "/4712"),
        ("{ a: delivery(id: 4711) { id } b: delivery(id: 4712) { id } c: delivery(id: 4713) { id } }", "b", "/4712"),
        (IDS_QUERY, "answer.nodes.1", ""),
    ],
    ids=["nodes", "fields", "a list of ids"],
)
async def test_a_batch_falls_back_only_for_the_bad_record(
    query: str, bad_place: str, single: str, form: str, gateway: ScriptedGateway
) -> None:
    bad = dict(bad_records(DELIVERIES))[form]
    batch = json.dumps(deliveries([delivery(IDS[0]), bad, delivery(IDS[2])])).encode()
    gateway.upstream.answer("GET", SEND_TASKS, batch)
    gateway.upstream.answer("GET", f"{SEND_TASKS}/4712", json.dumps({"data": bad or 7}).encode())
    gateway.upstream.answer_next("GET", SEND_TASKS, batch, json.dumps(deliveries([bad])).encode())

    answer = await gateway.ask(query)

    assert answer.codes == {bad_place: "UPSTREAM_BAD_ANSWER"}
    assert json.dumps(answer.json["data"]).count("null") == 1
    assert gateway.asked == [f"GET {SEND_TASKS}", f"GET {SEND_TASKS}{single}"]


async def test_a_bad_record_is_no_sign_that_lists_of_ids_are_not_taken(gateway: ScriptedGateway) -> None:
    records = [delivery(IDS[0]), {**delivery(IDS[1]), "attributes": 7}, delivery(IDS[2])]
    gateway.upstream.answer("GET", SEND_TASKS, json.dumps(deliveries(records)).encode())
    gateway.upstream.answer("GET", f"{SEND_TASKS}/4712", json.dumps({"data": records[1]}).encode())
    query = '{ nodes(ids: ["Delivery:4711", "Delivery:4712", "Delivery:4713"]) { id } }'

    for _ in range(3):
        await gateway.ask(query)

        assert gateway.asked == [f"GET {SEND_TASKS}", f"GET {SEND_TASKS}/4712"]


async def test_a_bad_record_is_no_proof_that_lists_of_ids_are_taken(gateway: ScriptedGateway) -> None:
    """The upstream ignores the list and has two records, of which one has no id: the third exists all the same."""
    gateway.upstream.answer("GET", SEND_TASKS, json.dumps(deliveries([delivery(IDS[0]), {}])).encode())
    await gateway.ask('{ nodes(ids: ["Delivery:4711", "Delivery:4712", "Delivery:4713"]) { id } }')
    gateway.upstream.answer("GET", SEND_TASKS, json.dumps(deliveries([delivery(IDS[0])])).encode())
    gateway.upstream.answer("GET", f"{SEND_TASKS}/4713", json.dumps({"data": delivery(IDS[2])}).encode())

    answer = await gateway.ask('{ nodes(ids: ["Delivery:4711", "Delivery:4713"]) { id } }')

    assert answer.data == {"nodes": [{"id": "Delivery:4711"}, {"id": "Delivery:4713"}]}


@pytest.mark.parametrize(("bad", "expected"), [({"smsId": "S.2"}, "S.2"), ({}, "S.2"), (None, "S.2")])
async def test_a_recipient_that_cannot_be_read_is_not_reported_as_missing(
    bad: Json, expected: str, gateway: ScriptedGateway
) -> None:
    gateway.upstream.answer("GET", "/rest/v1/sms", json.dumps([recipient("S.1"), bad]).encode())

    answer = await gateway.ask(f'{{ nodes(ids: ["Recipient:J.1/S.1", "Recipient:J.1/{expected}"]) {{ id }} }}')

    assert answer.json["data"] == {"nodes": [{"id": "Recipient:J.1/S.1"}, None]}
    assert answer.codes == {"nodes.1": "UPSTREAM_BAD_ANSWER"}


@pytest.fixture
async def two_centres() -> AsyncIterator[ScriptedGateway]:
    async with scripted_gateway(data_centres=("/one", "/two")) as running:
        yield running


async def test_jobs_without_ids_in_both_data_centres_are_not_one_job(two_centres: ScriptedGateway) -> None:
    two_centres.upstream.answer("GET", "/one/jobs", b'[{"jobId": "J.1"}, {}]')
    two_centres.upstream.answer("GET", "/two/jobs", b'[{}, {"jobId": "J.1"}, {"jobId": "J.2"}]')

    answer = await two_centres.ask("{ smsJobs { nodes { jobId } } }")

    nodes = answer.json["data"]["smsJobs"]["nodes"]
    assert nodes == [{"jobId": "J.1"}, None, None, {"jobId": "J.2"}]
    assert list(answer.codes) == ["smsJobs.nodes.1", "smsJobs.nodes.2"]


async def test_the_page_behind_a_job_without_an_id_is_right(gateway: ScriptedGateway) -> None:
    gateway.upstream.answer("GET", "/rest/v1/jobs", b'[{"jobId": "J.1"}, {}, {}, {"jobId": "J.2"}]')
    query = "query ($after: String) { smsJobs(first: 2, after: $after) { edges { cursor node { jobId } } } }"
    first = (await gateway.ask(query)).json["data"]["smsJobs"]["edges"]

    second = (await gateway.ask(query, {"after": first[1]["cursor"]})).json["data"]["smsJobs"]["edges"]

    assert [edge["node"] for edge in first + second] == [{"jobId": "J.1"}, None, None, {"jobId": "J.2"}]


BAD_REPORTS: Final[dict[str, tuple[int, bytes, str]]] = {
    "no JSON": (200, b"<html>", "UPSTREAM_BAD_ANSWER"),
    "null": (200, b"null", "UPSTREAM_BAD_ANSWER"),
    "a number": (200, b"7", "UPSTREAM_BAD_ANSWER"),
    "an empty object": (200, b"{}", "UPSTREAM_BAD_ANSWER"),
    "an empty list": (200, b"[]", "UPSTREAM_BAD_ANSWER"),
    "nothing": (200, b"", "UPSTREAM_BAD_ANSWER"),
    "no id": (200, json.dumps({**REPORT, "jobId": None}).encode(), "UPSTREAM_BAD_ANSWER"),
    "missing": (404, b"", "UPSTREAM_BAD_ANSWER"),
    "refused": (400, b"", "BAD_INPUT"),
    "no longer allowed": (401, b"", "UPSTREAM_AUTH"),
    "broken": (500, b"", "UPSTREAM_UNAVAILABLE"),
    "undocumented": (418, b"", "UPSTREAM_BAD_ANSWER"),
}


@pytest.mark.parametrize("form", BAD_REPORTS)
async def test_a_job_whose_report_fails_keeps_what_the_list_knows(form: str, gateway: ScriptedGateway) -> None:
    status, body, code = BAD_REPORTS[form]
    gateway.upstream.answer("GET", "/rest/v1/jobs", json.dumps([job(one) for one in IDS]).encode())
    gateway.upstream.answer("GET", "/rest/v1/sms", json.dumps([recipient("S.1")]).encode())
    for own_id in (IDS[0], IDS[2]):
        gateway.upstream.answer("GET", f"/rest/v1/jobs/{own_id}", json.dumps(report(own_id)).encode())
    gateway.upstream.answer("GET", f"/rest/v1/jobs/{IDS[1]}", body, status=status)

    answer = await gateway.ask(
        "{ smsJobs { nodes { id jobId source encoding regarding { id } recipientSummary { succeeded } } } }"
    )

    one, two, three = answer.json["data"]["smsJobs"]["nodes"]
    assert [one["source"], three["source"]] == ["retarusREST"] * 2
    known = {"id": f"SmsJob:{IDS[1]}", "jobId": IDS[1], "recipientSummary": {"succeeded": 1}}
    assert two == {**known, "source": None, "encoding": None, "regarding": None}
    assert answer.codes == {"smsJobs.nodes.1.source": code}


async def test_a_report_whose_fields_are_wrong_loses_only_these_fields(gateway: ScriptedGateway) -> None:
    wrong: dict[str, Json] = {
        "src": {},
        "flash": "perhaps",
        "validityMin": [],
        "encoding": {},
        "receiptTs": {},
        "recipientIds": None,
    }
    gateway.upstream.answer("GET", "/rest/v1/jobs", json.dumps([job("J.1")]).encode())
    gateway.upstream.answer("GET", "/rest/v1/jobs/J.1", json.dumps({**report("J.1"), **wrong}).encode())

    answer = await gateway.ask(
        "{ smsJobs { nodes { source flash validityMinutes encoding receivedAt billcode recipientCount } } }"
    )

    (node,) = answer.data["smsJobs"]["nodes"]
    lost = dict.fromkeys(("source", "flash", "validityMinutes", "encoding", "receivedAt"))
    assert node == {**lost, "billcode": "Billingcode", "recipientCount": 0}
