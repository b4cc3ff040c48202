"""A change that was refused shows the thing as it stands, so that a client's own cache needs no second query."""

import json
from typing import Any, Final

import pytest

from resolvers.context import Context
from tests.contract import documents
from tests.contract.payloads import asked_of, payload_of
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

TASK: Final = json.loads(sample("logistics_task.json")) | {"id": "task-1", "version_rev": "2-bbbbbbbb"}
DELIVERY: Final = json.loads(sample("send_task.json"))
CHANGED: Final = (("PATCH", "/platform/tasks/task-1"), ("GET", "/platform/tasks/task-1"))
STALE: Final = b'{"code": "conflict", "message": "It has another revision."}'
TOO_LATE: Final = b'{"code": "invalid_status", "message": "Too late."}'

UPDATE_TASK: Final = """mutation ($id: ID!, $input: UpdateLogisticsTaskInput!) {
  answer: updateLogisticsTask(id: $id, input: $input) {
    task { taskId versionRev rawStatus } errors { __typename ... on NotAllowedNow { rawStatus } }
  }
}"""
CANCEL_TASK: Final = """mutation ($id: ID!, $reason: String!) {
  answer: cancelLogisticsTask(id: $id, reason: $reason) {
    task { taskId versionRev rawStatus } errors { __typename ... on NotAllowedNow { rawStatus } }
  }
}"""
UPDATE_DELIVERY: Final = """mutation ($id: ID!, $input: UpdateDeliveryInput!) {
  answer: updateDelivery(id: $id, input: $input) { delivery { sendTaskId rawStatus } errors { __typename } }
}"""
CANCEL_DELIVERY: Final = """mutation ($id: ID!) {
  answer: cancelDelivery(id: $id) { delivery { sendTaskId rawStatus } errors { __typename } }
}"""
SHOWN_TASK: Final = {"taskId": "task-1", "versionRev": "2-bbbbbbbb", "rawStatus": "accepted"}


@pytest.fixture(autouse=True)
def _readable(upstream: RecordingServer) -> None:
    upstream.answer("GET", "/platform/tasks/task-1", json.dumps(TASK | {"current_status": "accepted"}).encode())
    upstream.answer("GET", "/send-tasks/1", delivery_that_is("waiting"))


def delivery_that_is(status: str) -> bytes:
    data = DELIVERY["data"]
    return json.dumps({"data": data | {"id": "1", "attributes": data["attributes"] | {"status": status}}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (409, STALE, {"__typename": "Conflict"}),
        (409, TOO_LATE, {"__typename": "NotAllowedNow", "rawStatus": "accepted"}),
        (422, TOO_LATE, {"__typename": "NotAllowedNow", "rawStatus": "accepted"}),
    ],
)
async def test_a_refused_change_of_a_task_shows_its_revision_and_status(
    status: int, body: bytes, error: dict[str, Any], upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/platform/tasks/task-1", body, status=status)

    payload = await payload_of(UPDATE_TASK, documents.TASK_CHANGE, context)

    assert payload == {"task": SHOWN_TASK, "errors": [error]}
    assert asked_of(upstream) == list(CHANGED)


async def test_a_refused_cancellation_of_a_task_shows_the_task(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("PATCH", "/tasks/task-1/cancel", TOO_LATE, status=409)

    payload = await payload_of(CANCEL_TASK, documents.CANCELLATION, context)

    assert payload == {"task": SHOWN_TASK, "errors": [{"__typename": "NotAllowedNow", "rawStatus": "accepted"}]}
    assert asked_of(upstream) == [("PATCH", "/tasks/task-1/cancel"), CHANGED[1]]


@pytest.mark.parametrize(
    ("status", "body"),
    [(409, STALE), (422, b'{"errors": [{"source": {"pointer": "/data"}, "detail": "Another is in progress."}]}')],
)
async def test_a_refused_change_of_a_delivery_shows_the_delivery(
    status: int, body: bytes, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/send-tasks/1", body, status=status)

    payload = await payload_of(UPDATE_DELIVERY, documents.DELIVERY_CHANGE, context)

    assert payload == {
        "delivery": {"sendTaskId": "1", "rawStatus": "waiting"},
        "errors": [{"__typename": "Conflict"}],
    }
    assert asked_of(upstream) == [("PATCH", "/send-tasks/1"), ("GET", "/send-tasks/1")]


async def test_a_delivery_that_has_started_is_shown_by_its_refused_cancellation_without_another_call(
    upstream: RecordingServer, context: Context
) -> None:
    payload = await payload_of(CANCEL_DELIVERY, {"id": "1"}, context)

    assert payload["delivery"] == {"sendTaskId": "1", "rawStatus": "waiting"}
    assert payload["errors"] == [{"__typename": "NotAllowedNow"}]
    assert asked_of(upstream) == [("GET", "/send-tasks/1")]


async def test_a_delivery_whose_cancellation_the_upstream_refuses_is_shown_as_it_was_read_before(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("GET", "/send-tasks/1", delivery_that_is("pending"))
    upstream.answer("PATCH", "/send-tasks/1", STALE, status=409)

    payload = await payload_of(CANCEL_DELIVERY, {"id": "1"}, context)

    assert payload["delivery"] == {"sendTaskId": "1", "rawStatus": "pending"}
    assert payload["errors"] == [{"__typename": "Conflict"}]
    assert asked_of(upstream) == [("GET", "/send-tasks/1"), ("PATCH", "/send-tasks/1")]


@pytest.mark.parametrize(
    ("document", "variables", "patch"),
    [
        ("updateLogisticsTask(id: $id, input: $input)", documents.TASK_CHANGE, "/platform/tasks/task-1"),
        ("updateDelivery(id: $id, input: $input)", documents.DELIVERY_CHANGE, "/send-tasks/1"),
    ],
)
async def test_nothing_is_read_for_a_conflict_where_the_client_does_not_ask_for_the_thing(
    document: str, variables: dict[str, Any], patch: str, upstream: RecordingServer, context: Context
) -> None:
    kind = "UpdateLogisticsTaskInput" if "Task" in document else "UpdateDeliveryInput"
    upstream.answer("PATCH", patch, STALE, status=409)

    query = f"mutation ($id: ID!, $input: {kind}!) {{ answer: {document} {{ errors {{ __typename }} }} }}"
    payload = await payload_of(query, variables, context)

    assert payload == {"errors": [{"__typename": "Conflict"}]}
    assert asked_of(upstream) == [("PATCH", patch)]


@pytest.mark.parametrize("status", [404, 500])
async def test_a_thing_that_cannot_be_read_leaves_its_refusal_as_it_is(
    status: int, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/platform/tasks/task-1", STALE, status=409)
    upstream.answer("GET", "/platform/tasks/task-1", b"", status=status)

    payload = await payload_of(UPDATE_TASK, documents.TASK_CHANGE, context)

    assert payload == {"task": None, "errors": [{"__typename": "Conflict"}]}


async def test_a_change_that_the_thing_does_not_show_afterwards_is_told_with_the_thing(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/tasks/task-1/cancel", b"", status=204)

    payload = await payload_of(CANCEL_TASK, documents.CANCELLATION, context)

    assert payload == {"task": SHOWN_TASK, "errors": [{"__typename": "UpstreamFailed"}]}
