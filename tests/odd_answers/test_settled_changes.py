"""A change that is answered without its record is settled by one read of it, where there is something to read."""

import json
from typing import Any, Final, NamedTuple

import pytest

from tests.contract import documents
from tests.scripted_gateway import ScriptedGateway
from tests.upstreams.samples import sample

SEND_TASK: Final = json.loads(sample("send_task.json"))["data"]
TASK: Final = json.loads(sample("logistics_task.json"))

WORDLESS: Final[dict[str, tuple[int, bytes]]] = {
    "204": (204, b""),
    "205": (205, b""),
    "200 and nothing": (200, b""),
    "202 and blanks": (202, b" \r\n"),
    "an empty object": (200, b"{}"),
    "an empty object after a byte order mark": (200, b"\xef\xbb\xbf{}"),
    "a word": (200, b"OK"),
    "a text": (201, b'"Accepted"'),
    "true": (200, b"true"),
    "a status": (202, b'{"status": "accepted"}'),
    "another word for success": (200, b'{"code": "accepted", "message": "On its way."}'),
    "a number for success": (200, b'{"code": 0, "message": "Done."}'),
    "data that is null": (200, b'{"data": null, "message": "Done."}'),
}
FAILURES: Final = [
    b'{"errors": [{"title": "Internal Error"}]}',
    b'{"error": "server_error"}',
    b'{"code": "internal_error", "message": "It broke."}',
    b"<html><body>Welcome</body></html>",
    b'{"data": {"id": "1", "attri',
    b"[]",
    b"null",
]


def send_task(**attributes: object) -> bytes:
    return json.dumps({"data": SEND_TASK | {"id": "1", "attributes": SEND_TASK["attributes"] | attributes}}).encode()


def task(**fields: object) -> bytes:
    return json.dumps(TASK | {"id": "task-1", **fields}).encode()


class Change(NamedTuple):
    """A change of something that can be read.

    Args:
        document: The mutation.
        variables: Its own.
        write: How the upstream is asked for it.
        read: How the record is read.
        before: The record as it stood.
        after: The record with the change.
        reads_first: Whether it is read before it is changed.
    """

    document: str
    variables: dict[str, Any]
    write: str
    read: str
    before: bytes
    after: bytes
    reads_first: bool = False


READ_TASK: Final = "GET /logistics/platform/tasks/task-1"
READ_DELIVERY: Final = "GET /api/v1/send-tasks/1"

CHANGES: Final = {
    "updateDelivery": Change(
        documents.UPDATE_DELIVERY,
        {"id": "1", "input": {"type": "UPDATE", "deliverable": False}},
        "PATCH /api/v1/send-tasks/1",
        READ_DELIVERY,
        send_task(),
        send_task(**{"delivery-type": "update", "deliverable": False}),
    ),
    "cancelDelivery": Change(
        documents.CANCEL_DELIVERY,
        {"id": "1"},
        "PATCH /api/v1/send-tasks/1",
        READ_DELIVERY,
        send_task(status="pending"),
        send_task(status="pending", deliverable=False),
        reads_first=True,
    ),
    "updateLogisticsTask": Change(
        documents.UPDATE_TASK,
        documents.TASK_CHANGE,
        "PATCH /logistics/platform/tasks/task-1",
        READ_TASK,
        task(version_rev="0-0a0a0a0a"),
        task(version_rev="1-0b0b0b0b"),
    ),
    "cancelLogisticsTask": Change(
        documents.CANCEL_TASK,
        documents.CANCELLATION,
        "PATCH /logistics/tasks/task-1/cancel",
        READ_TASK,
        task(current_status="broadcasting"),
        task(current_status="cancelled"),
    ),
    "broadcastLogisticsTasks": Change(
        documents.BROADCAST,
        {"ids": ["task-1"]},
        "POST /logistics/platform/tasks/broadcast",
        READ_TASK,
        task(current_status="draft"),
        task(current_status="broadcasting"),
    ),
    "broadcastLogisticsTasksWithTracking": Change(
        documents.BROADCAST_WITH_TRACKING,
        documents.TRACKED,
        "POST /logistics/platform/tasks/broadcast-with-tracking",
        READ_TASK,
        task(current_status="draft", tracking_id="TRACK-1"),
        task(current_status="broadcasting", tracking_id="TRACK-1"),
    ),
    "setTrackingIds": Change(
        documents.SET_TRACKING_IDS,
        documents.TRACKED,
        "PATCH /logistics/platform/tasks/tracking-ids",
        READ_TASK,
        task(),
        task(tracking_id="TRACK-1"),
    ),
}


def script(gateway: ScriptedGateway, request: str, body: bytes, status: int = 200) -> None:
    method, path = request.split()
    gateway.upstream.answer(method, path, body, status=status)


async def payload_of(gateway: ScriptedGateway, change: Change) -> dict[str, Any]:
    """The payload; what the upstream answers before the change is its record as it stood."""
    if change.reads_first:
        method, path = change.read.split()
        gateway.upstream.answer_next(method, path, change.before)
    payload: dict[str, Any] = (await gateway.ask(change.document, change.variables)).data["answer"]
    return payload


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_that_is_answered_without_its_record_is_settled_by_one_read(
    name: str, gateway: ScriptedGateway
) -> None:
    change = CHANGES[name]
    for form, (status, body) in WORDLESS.items():
        script(gateway, change.write, body, status)
        script(gateway, change.read, change.after)

        payload = await payload_of(gateway, change)

        assert payload["errors"] == [], form
        assert payload[next(iter(payload))], form
        assert gateway.asked == [*([change.read] if change.reads_first else []), change.write, change.read], form


@pytest.mark.parametrize("name", CHANGES)
async def test_a_record_that_does_not_show_the_change_leaves_its_outcome_unknown(
    name: str, gateway: ScriptedGateway
) -> None:
    change = CHANGES[name]
    script(gateway, change.write, b"", 204)
    script(gateway, change.read, change.before)

    payload = await payload_of(gateway, change)

    (error,) = payload["errors"]
    assert (error["__typename"], error["outcomeUnknown"]) == ("UpstreamFailed", True)
    assert "does not show it" in error["message"]


@pytest.mark.parametrize("name", CHANGES)
async def test_an_error_under_a_status_of_success_is_followed_by_no_read(name: str, gateway: ScriptedGateway) -> None:
    change = CHANGES[name]
    for body in FAILURES:
        script(gateway, change.write, body)

        payload = await payload_of(gateway, change)

        (error,) = payload["errors"]
        assert (error["__typename"], error["outcomeUnknown"]) == ("UpstreamFailed", True), body
        assert gateway.asked[-1] == change.write, body


CREATIONS: Final = {
    "createDelivery": (documents.CREATE_DELIVERY, documents.DELIVERY, "POST /api/v1/send-tasks"),
    "sendSms": (documents.SEND_SMS, documents.JOB, "POST /rest/v1/jobs"),
    "createLogisticsTasks": (documents.CREATE_TASKS, documents.TASKS, "POST /logistics/platform/tasks"),
    "createOrganization": (
        documents.CREATE_ORGANIZATION,
        {"businessName": "Mei"},
        "POST /logistics/platform/organizations",
    ),
}


@pytest.mark.parametrize("name", CREATIONS)
async def test_a_creation_that_names_nothing_leaves_nothing_to_be_read(name: str, gateway: ScriptedGateway) -> None:
    document, variables, write = CREATIONS[name]
    for form, (status, body) in WORDLESS.items():
        script(gateway, write, body, status)

        payload = (await gateway.ask(document, variables)).data["answer"]

        (error,) = payload["errors"]
        assert (error["__typename"], error["outcomeUnknown"]) == ("UpstreamFailed", True), form
        assert gateway.asked == [write], form


INVITE: Final = "POST /logistics/platform/users/invite"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b'{"message": "Sent."}', "Sent."),
        (200, b'{"code": "SUCCESS", "message": "Sent."}', "Sent."),
        (204, b"", None),
        (205, b"", None),
        (202, b"OK", None),
        (200, b"{}", None),
    ],
)
async def test_an_invitation_needs_no_words_to_be_done(
    status: int, body: bytes, message: str | None, gateway: ScriptedGateway
) -> None:
    script(gateway, INVITE, body, status)

    answer = await gateway.ask(documents.INVITE_USER, documents.INVITATION)

    assert answer.data["answer"] == {"message": message, "errors": []}
    assert gateway.asked == [INVITE]


async def test_an_invitation_with_an_unknown_word_has_nothing_to_settle_it(gateway: ScriptedGateway) -> None:
    script(gateway, INVITE, b'{"code": 500, "message": "It broke."}')

    answer = await gateway.ask(documents.INVITE_USER, documents.INVITATION)

    (error,) = answer.data["answer"]["errors"]
    assert error["outcomeUnknown"]
    assert "It broke." in error["message"]


async def test_of_several_tasks_those_that_cannot_be_told_apart_are_read(gateway: ScriptedGateway) -> None:
    script(gateway, "POST /logistics/platform/tasks/broadcast", b'{"updated_tasks": [{"id": "task-1"}, {}]}')
    script(gateway, READ_TASK, task(current_status="broadcasting"))
    script(gateway, "GET /logistics/platform/tasks/task-2", task(id="task-2", current_status="accepted"))
    script(gateway, "GET /logistics/platform/tasks/task-3", task(id="task-3", current_status="draft"))

    answer = await gateway.ask(documents.BROADCAST, {"ids": ["task-1", "task-2", "task-3"]})

    payload = answer.data["answer"]
    assert payload["tasks"] == [{"id": "LogisticsTask:task-1"}, {"id": "LogisticsTask:task-2"}]
    (error,) = payload["errors"]
    assert "task task-3 does not show it" in error["message"]
    assert error["outcomeUnknown"]


@pytest.mark.parametrize("unnamed", [None, {}, 7, {"current_status": "draft"}, {"id": ""}])
async def test_created_tasks_that_are_not_named_are_reported_beside_those_that_are(
    unnamed: object, gateway: ScriptedGateway
) -> None:
    created = {"tasks": [json.loads(task()), unnamed]}
    script(gateway, "POST /logistics/platform/tasks", json.dumps(created).encode(), 201)

    answer = await gateway.ask(documents.CREATE_TASKS, {"tasks": documents.TASKS["tasks"] * 2})

    payload = answer.data["answer"]
    assert [one["taskId"] for one in payload["tasks"]] == ["task-1"]
    (error,) = payload["errors"]
    assert error["outcomeUnknown"]
    assert "names 1 of 2" in error["message"]


async def test_the_tasks_of_one_call_that_are_not_named_are_reported_with_their_place(gateway: ScriptedGateway) -> None:
    first = {"tasks": [json.loads(task(id=f"task-{number}")) for number in range(20)]}
    gateway.upstream.answer_next("POST", "/logistics/platform/tasks", json.dumps(first).encode(), b'{"tasks": []}')

    answer = await gateway.ask(documents.CREATE_TASKS, {"tasks": documents.TASKS["tasks"] * 22})

    payload = answer.data["answer"]
    assert len(payload["tasks"]) == 20
    (error,) = payload["errors"]
    assert error["message"].startswith(("Tasks 20 to 21", "Tasks 0 to 19"))
