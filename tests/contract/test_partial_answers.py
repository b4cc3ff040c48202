"""Changes that an upstream makes and answers with less than the record: it is read, once."""

import json
from typing import Any, Final

import pytest

from resolvers.context import Context
from tests.contract import documents
from tests.contract.payloads import asked_of, assert_unconfirmed, payload_of
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

DELIVERY: Final = json.loads(sample("send_task.json"))
TASK: Final = json.loads(sample("logistics_task.json"))

LESS_THAN_A_RECORD: Final = [
    (200, b""),
    (202, b"\r\n"),
    (204, b""),
    (200, b"{}"),
    (200, b'{"meta": {}}'),
    (200, b'{"data": null}'),
    (200, b'{"data": {"type": "send-tasks", "id": "1"}}'),
    (200, b'{"data": {"id": "1", "attributes": {"status": "waiting"}}}'),
    (200, b'{"id": "task-1"}'),
    (202, b'{"code": "success", "message": "Accepted"}'),
]
NO_PROOF_OF_A_CHANGE: Final = [
    b'{"errors": [{"title": "Internal Error"}]}',
    b'{"error": "server_error"}',
    b'{"code": "internal_error", "message": "It broke."}',
    b"<html><body>Welcome</body></html>",
    b'{"data": {"id": "1", "attri',
    b"[]",
    b"null",
    b'"\xff"',
]


def delivery(**attributes: object) -> bytes:
    return json.dumps({"data": DELIVERY["data"] | {"id": "1", "attributes": ATTRIBUTES | attributes}}).encode()


ATTRIBUTES: Final = DELIVERY["data"]["attributes"]
CHANGED_DELIVERY: Final = delivery(**{"delivery-type": "update"})
CHANGED_TASK: Final = json.dumps(TASK | {"id": "task-1", "version_rev": "1-0b0b0b0b"}).encode()


@pytest.mark.parametrize(("status", "body"), LESS_THAN_A_RECORD)
async def test_a_changed_delivery_that_is_not_answered_is_read(
    status: int, body: bytes, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/send-tasks/1", body, status=status)
    upstream.answer("GET", "/send-tasks/1", CHANGED_DELIVERY)

    payload = await payload_of(documents.UPDATE_DELIVERY, documents.DELIVERY_CHANGE, context)

    assert payload == {"delivery": {"id": "Delivery:1"}, "errors": []}
    assert asked_of(upstream) == [("PATCH", "/send-tasks/1"), ("GET", "/send-tasks/1")]


@pytest.mark.parametrize(("status", "body"), LESS_THAN_A_RECORD)
async def test_a_changed_task_that_is_not_answered_is_read(
    status: int, body: bytes, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/platform/tasks/task-1", body, status=status)
    upstream.answer("GET", "/platform/tasks/task-1", CHANGED_TASK)

    payload = await payload_of(documents.UPDATE_TASK, documents.TASK_CHANGE, context)

    assert payload == {"task": {"id": "LogisticsTask:task-1"}, "errors": []}
    assert asked_of(upstream) == [("PATCH", "/platform/tasks/task-1"), ("GET", "/platform/tasks/task-1")]


@pytest.mark.parametrize(("status", "body"), LESS_THAN_A_RECORD)
async def test_a_task_that_was_cancelled_without_a_word_is_read(
    status: int, body: bytes, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/tasks/task-1/cancel", body, status=status)
    upstream.answer("GET", "/platform/tasks/task-1", CHANGED_TASK.replace(b'"pending_broadcast"', b'"cancelled"'))

    payload = await payload_of(documents.CANCEL_TASK, documents.CANCELLATION, context)

    assert payload == {"task": {"id": "LogisticsTask:task-1"}, "errors": []}
    assert asked_of(upstream) == [("PATCH", "/tasks/task-1/cancel"), ("GET", "/platform/tasks/task-1")]


async def test_a_task_whose_cancellation_was_confirmed_is_answered_as_it_stands(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/tasks/task-1/cancel", b'{"message": "Successfully cancel the task"}')
    upstream.answer("GET", "/platform/tasks/task-1", CHANGED_TASK.replace(b'"pending_broadcast"', b'"broadcasting"'))

    payload = await payload_of(documents.CANCEL_TASK, documents.CANCELLATION, context)

    assert payload == {"task": {"id": "LogisticsTask:task-1"}, "errors": []}


@pytest.mark.parametrize("body", NO_PROOF_OF_A_CHANGE)
async def test_a_success_that_may_be_none_leaves_the_outcome_unknown_and_is_not_followed_by_a_read(
    body: bytes, upstream: RecordingServer, context: Context
) -> None:
    changes = [
        (documents.UPDATE_DELIVERY, documents.DELIVERY_CHANGE, "/send-tasks/1"),
        (documents.UPDATE_TASK, documents.TASK_CHANGE, "/platform/tasks/task-1"),
        (documents.CANCEL_TASK, documents.CANCELLATION, "/tasks/task-1/cancel"),
    ]
    for document, variables, path in changes:
        upstream.answer("PATCH", path, body)

        payload = await payload_of(document, variables, context)

        (error,) = payload["errors"]
        assert (error["__typename"], error["outcomeUnknown"]) == ("UpstreamFailed", True)
    assert asked_of(upstream) == [("PATCH", path) for _, _, path in changes]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
async def test_a_change_whose_record_cannot_be_read_says_that_it_was_made(
    status: int, upstream: RecordingServer, context: Context
) -> None:
    message = b'{"message": "Successfully cancel the task"}'
    changes = [
        (documents.UPDATE_DELIVERY, documents.DELIVERY_CHANGE, "/send-tasks/1", b"", "/send-tasks/1"),
        (documents.UPDATE_TASK, documents.TASK_CHANGE, "/platform/tasks/task-1", b"", "/platform/tasks/task-1"),
        (documents.CANCEL_TASK, documents.CANCELLATION, "/tasks/task-1/cancel", message, "/platform/tasks/task-1"),
    ]
    for document, variables, path, body, read in changes:
        upstream.requests.clear()
        upstream.answer("PATCH", path, body)
        upstream.answer("GET", read, b'{"code": "no", "message": "It says no."}', status=status)

        payload = await payload_of(document, variables, context)

        assert_unconfirmed(payload, "The change was made, but")
        assert asked_of(upstream) == [("PATCH", path), ("GET", read)]


async def test_a_broadcast_task_that_cannot_be_read_is_one_that_was_broadcast(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/platform/tasks/broadcast", b'{"updated_tasks": [{"id": "task-1"}]}')
    upstream.answer("GET", "/platform/tasks/task-1", b"", status=500)

    payload = await payload_of(documents.BROADCAST, {"ids": ["task-1"]}, context)

    assert_unconfirmed(payload, "The change was made, but task task-1 could not be read")


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (documents.UPDATE_DELIVERY, documents.DELIVERY_CHANGE),
        (documents.UPDATE_DELIVERY, {"id": "1", "input": {"deliverable": False}}),
        (documents.CANCEL_DELIVERY, {"id": "1"}),
    ],
)
async def test_a_delivery_that_does_not_show_its_change_is_not_passed_off_as_changed(
    document: str, variables: dict[str, Any], upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/send-tasks/1", b"{}")
    upstream.answer("GET", "/send-tasks/1", delivery(status="pending", deliverable=True))

    payload = await payload_of(document, variables, context)

    assert_unconfirmed(payload, "The change was accepted, but delivery 1 does not show it", shown=True)


async def test_a_delivery_that_went_on_after_its_status_was_set_is_as_it_was_changed(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/send-tasks/1", b"{}")
    upstream.answer("GET", "/send-tasks/1", delivery(status="waiting"))

    payload = await payload_of(documents.UPDATE_DELIVERY, {"id": "1", "input": {"status": "PENDING"}}, context)

    assert payload["errors"] == []


@pytest.mark.parametrize(
    ("document", "variables", "path", "revision"),
    [
        (documents.UPDATE_TASK, documents.TASK_CHANGE, "/platform/tasks/task-1", {"version_rev": "0-0a0a0a0a"}),
        (documents.UPDATE_TASK, documents.TASK_CHANGE, "/platform/tasks/task-1", {}),
        (documents.CANCEL_TASK, documents.CANCELLATION, "/tasks/task-1/cancel", {"version_rev": "0-0a0a0a0a"}),
    ],
)
async def test_a_task_that_does_not_show_its_change_is_not_passed_off_as_changed(
    document: str,
    variables: dict[str, Any],
    path: str,
    revision: dict[str, str],
    upstream: RecordingServer,
    context: Context,
) -> None:
    revised = {name: value for name, value in TASK.items() if name != "version_rev"} | revision
    unchanged = json.dumps(revised | {"id": "task-1"})
    upstream.answer("PATCH", path, b"{}")
    upstream.answer("GET", "/platform/tasks/task-1", unchanged.encode())

    payload = await payload_of(document, variables, context)

    assert_unconfirmed(payload, "The change was accepted, but task task-1 does not show it", shown=True)
