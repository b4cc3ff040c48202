"""Creations that an upstream answers with ids alone: the records are read."""

import json
from typing import Any, Final, NamedTuple

import pytest

from resolvers.context import Context
from tests.contract import documents
from tests.contract.payloads import asked_of, assert_unconfirmed, payload_of
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

TASK: Final = json.loads(sample("logistics_task.json"))


@pytest.mark.parametrize(
    "body", [b'{"data": {"type": "send-tasks", "id": "1"}}', b'{"data": {"id": "1", "attributes": {}}}']
)
async def test_a_created_delivery_of_which_the_id_alone_is_answered_is_read(
    body: bytes, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/send-tasks", body, status=201)
    upstream.answer("GET", "/send-tasks/1", sample("send_task.json").replace(b'"id": "4710"', b'"id": "1"'))

    payload = await payload_of(documents.CREATE_DELIVERY, documents.DELIVERY, context)

    assert payload == {"delivery": {"id": "Delivery:1"}, "errors": []}
    assert asked_of(upstream) == [("POST", "/send-tasks"), ("GET", "/send-tasks/1")]


async def test_a_created_organization_of_which_the_id_alone_is_answered_is_read(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/platform/organizations", b'{"organization": {"id": "o1"}}')
    upstream.answer("GET", "/platform/organizations/o1", b'{"organization": {"id": "o1", "business_name": "Mei"}}')

    payload = await payload_of(documents.CREATE_ORGANIZATION, {"businessName": "Mei"}, context)

    assert payload == {"organization": {"id": "Organization:o1"}, "errors": []}
    assert asked_of(upstream) == [("POST", "/platform/organizations"), ("GET", "/platform/organizations/o1")]


@pytest.mark.parametrize(
    ("body", "ids", "read"),
    [
        (b'{"tasks": [{"id": "task-1"}, {"id": "task-2"}]}', ["task-1", "task-2"], ["task-1", "task-2"]),
        (b'{"tasks": {"id": "task-1"}}', ["task-1"], ["task-1"]),
        (
            b'{"tasks": [{"id": "task-1", "current_status": "draft"}, {"id": "task-2"}]}',
            ["task-1", "task-2"],
            ["task-2"],
        ),
    ],
)
async def test_created_tasks_of_which_ids_alone_are_answered_are_read(
    body: bytes, ids: list[str], read: list[str], upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/platform/tasks", body, status=201)
    for own_id in ids:
        upstream.answer("GET", f"/platform/tasks/{own_id}", json.dumps(TASK | {"id": own_id}).encode())

    payload = await payload_of(documents.CREATE_TASKS, documents.TASKS, context)

    assert payload["errors"] == []
    assert [task["taskId"] for task in payload["tasks"]] == ids
    assert sorted(asked_of(upstream)) == [
        *(("GET", f"/platform/tasks/{own_id}") for own_id in read),
        ("POST", "/platform/tasks"),
    ]


async def test_a_created_task_that_cannot_be_read_stands_beside_those_that_can(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/platform/tasks", b'{"tasks": [{"id": "task-1"}, {"id": "task-2"}]}', status=201)
    upstream.answer("GET", "/platform/tasks/task-2", json.dumps(TASK | {"id": "task-2"}).encode())

    payload = await payload_of(documents.CREATE_TASKS, documents.TASKS, context)

    assert [task["taskId"] for task in payload["tasks"]] == ["task-2"]
    (error,) = payload["errors"]
    assert error["outcomeUnknown"]
    assert "The change was made, but task task-1 could not be read" in error["message"]


class Creation(NamedTuple):
    """A mutation that creates, where it goes, an answer with an id alone, and where the record is then."""

    document: str
    variables: dict[str, Any]
    path: str
    reference: bytes
    record: str


CREATIONS: Final = [
    Creation(documents.CREATE_DELIVERY, documents.DELIVERY, "/send-tasks", b'{"data": {"id": "1"}}', "/send-tasks/1"),
    Creation(
        documents.CREATE_ORGANIZATION,
        {"businessName": "Mei"},
        "/platform/organizations",
        b'{"organization": {"id": "1"}}',
        "/platform/organizations/1",
    ),
    Creation(
        documents.CREATE_TASKS, documents.TASKS, "/platform/tasks", b'{"tasks": [{"id": "1"}]}', "/platform/tasks/1"
    ),
]


@pytest.mark.parametrize("status", [404, 500])
@pytest.mark.parametrize("creation", CREATIONS, ids=["delivery", "organization", "task"])
async def test_a_creation_whose_record_cannot_be_read_says_that_it_was_made(
    creation: Creation, status: int, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", creation.path, creation.reference, status=201)
    upstream.answer("GET", creation.record, b"", status=status)

    payload = await payload_of(creation.document, creation.variables, context)

    assert_unconfirmed(payload, "The change was made, but")
    assert asked_of(upstream) == [("POST", creation.path), ("GET", creation.record)]


@pytest.mark.parametrize(("status", "body"), [(201, b""), (204, b""), (201, b"{}"), (201, b'{"data": {"id": ""}}')])
@pytest.mark.parametrize("creation", CREATIONS, ids=["delivery", "organization", "task"])
async def test_a_creation_that_names_nothing_leaves_its_outcome_unknown(
    creation: Creation, status: int, body: bytes, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", creation.path, body, status=status)

    payload = await payload_of(creation.document, creation.variables, context)

    (error,) = payload["errors"]
    assert (error["__typename"], error["outcomeUnknown"]) == ("UpstreamFailed", True)
    assert asked_of(upstream) == [("POST", creation.path)]


@pytest.mark.parametrize("body", [b'{"tasks": []}', b'{"tasks": null}'])
async def test_created_tasks_none_of_which_is_named_are_no_success(
    body: bytes, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/platform/tasks", body, status=201)

    payload = await payload_of(documents.CREATE_TASKS, documents.TASKS, context)

    assert_unconfirmed(payload, "the upstream names none of them")
