import json
from collections.abc import Sequence
from typing import Any

import pytest

from resolvers.chunks import by_chunks
from resolvers.context import Context
from resolvers.errors import InputRefused
from resolvers.upstreams.names import UpstreamName
from tests.contract import documents
from tests.contract.payloads import payload_of
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

TASK = sample("logistics_task.json")


async def test_tasks_are_sent_in_the_upstreams_words_and_amounts(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("POST", "/platform/tasks", b'{"tasks": [' + TASK + b"]}")

    payload = await payload_of(documents.CREATE_TASKS, documents.TASKS, context)

    task_id = json.loads(TASK)["id"]
    assert payload["errors"] == []
    assert [task["id"] for task in payload["tasks"]] == [f"LogisticsTask:{task_id}"]
    stop = {
        "street_address": "1 Harbour Road",
        "zip_code": "099253",
        "latitude": 1.26,
        "longitude": 103.82,
    }
    contact = {"name": "Mei", "phone": "+6569965309", "email": "mei@example.com"}
    assert upstream.only_request.json == {
        "tasks": [
            {
                "tracking_id": "TRACK-1",
                "from_address": stop,
                "from_time_window": {"start_time_utc": "2030-01-02T00:00:00Z", "end_time_utc": "2030-01-02T02:00:00Z"},
                "from_contact": contact,
                "pickup_note_to_driver": "Ring twice",
                "to_address": stop,
                "to_time_window": {"start_time_utc": "2030-01-02T02:00:00Z", "end_time_utc": "2030-01-02T04:00:00Z"},
                "to_contact": contact,
                "delivery_note_to_driver": "Ring twice",
                "price": 200000,
                "currency": "SGD",
                "items": [{"fragile": True, "name": "Crate", "quantity": 2}],
                "cargo_net_quantity": 2,
                "broadcast_preference": "all",
                "vehicle_preference": "van_1.7m",
                "service_type": "ftl",
                "is_urgent": True,
                "org_id": "org-1",
            }
        ]
    }


async def test_drafts_go_where_nothing_is_broadcast(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("POST", "/platform/tasks/draft", b'{"tasks": [' + TASK + b"]}")

    payload = await payload_of(documents.CREATE_TASKS, documents.TASKS | {"draft": True}, context)

    assert payload["errors"] == []


async def test_the_amounts_of_a_change_share_the_one_currency_upstream(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/platform/tasks/task-1", TASK)

    payload = await payload_of(documents.UPDATE_TASK, documents.TASK_CHANGE, context)

    sent = upstream.only_request.json
    assert payload["errors"] == []
    assert isinstance(sent, dict)
    amounts = {name: sent[name] for name in ("version_rev", "currency", "min_price", "admin_fee", "cargo_net_quantity")}
    assert amounts == {
        "version_rev": "0-0a0a0a0a",
        "currency": "SGD",
        "min_price": 500000,
        "admin_fee": 20000,
        "cargo_net_quantity": 0,
    }
    assert "price" not in sent


async def test_a_job_is_sent_with_all_its_options_and_what_the_upstream_clamps(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/jobs", b'{"jobId": "J.20300101-120000.000-abc"}', status=201)

    payload = await payload_of(documents.SEND_SMS, documents.JOB, context)

    assert payload["errors"] == []
    assert payload["job"]["id"] == "SmsJob:J.20300101-120000.000-abc"
    sent = upstream.requests[0].json
    assert isinstance(sent, dict)
    assert sent["messages"] == [
        {"text": "Your parcel is on its way", "recipients": [{"dst": "+4989123", "customerRef": "c-1"}]}
    ]
    assert sent["options"] == {
        "src": "Parcels",
        "encoding": "UTF-16",
        "billcode": "B1",
        "qos": "EXPRESS",
        "validityMin": 100000,
        "maxParts": 99,
        "invalidCharacters": "TRANSLITERATE",
        "jobPeriod": "2030-01-02T08:00:00.000+08:00",
        "blackoutPeriods": ["2030-01-02T22:00:00.000+00:00/2030-01-03T06:00:00.000+00:00"],
    }


@pytest.mark.parametrize(
    "source", ["Parcels", "+49 89/12-3", "12345678901234567890", "+12345678901234567890", "{|}~!@"]
)
async def test_every_source_that_the_vendor_documents_is_sent(
    source: str, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/jobs", b'{"jobId": "J.1"}')
    messages = documents.JOB["input"]["messages"]

    payload = await payload_of(
        documents.SEND_SMS, {"input": {"messages": messages, "options": {"source": source}}}, context
    )

    assert payload["errors"] == []


@pytest.mark.parametrize("reference", ["x" * 192, "ä" * 70])
async def test_references_up_to_the_documented_length_are_sent(
    reference: str, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/jobs", b'{"jobId": "J.1"}')
    messages = documents.JOB["input"]["messages"]
    variables = {"input": {"messages": messages, "options": {"customerRef": reference}}}

    payload = await payload_of(documents.SEND_SMS, variables, context)

    assert payload["errors"] == []


async def test_a_delivery_is_created_from_ids_of_either_kind(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("POST", "/send-tasks", sample("send_task_created.json"), status=201)

    payload = await payload_of(documents.CREATE_DELIVERY, documents.DELIVERY, context)

    assert payload["errors"] == []
    sent: Any = upstream.only_request.json
    related = {name: one["data"]["id"] for name, one in sent["data"]["relationships"].items()}
    assert related == {"product": "7", "dsp-upload-identification": "3"}


async def test_an_invitation_names_whom_where_and_as_what(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("POST", "/platform/users/invite", b'{"message": "Invitation sent!"}')

    payload = await payload_of(documents.INVITE_USER, documents.INVITATION, context)

    assert payload == {"message": "Invitation sent!", "errors": []}
    assert upstream.only_request.json == {
        "user": {"email": "mei@example.com", "org_id": "org-1", "role_id": "role-1"},
    }


async def test_tasks_and_errors_stand_together(upstream: RecordingServer, context: Context) -> None:
    task_id = json.loads(TASK)["id"]
    updated = json.dumps({"updated_tasks": [{"id": task_id, "current_status": "broadcasting"}]}).encode()
    upstream.answer("POST", "/platform/tasks/broadcast", updated)
    upstream.answer("GET", f"/platform/tasks/{task_id}", TASK)

    payload = await payload_of(documents.BROADCAST, {"ids": [f"LogisticsTask:{task_id}", "task-2"]}, context)

    assert [task["id"] for task in payload["tasks"]] == [f"LogisticsTask:{task_id}"]
    assert [error["__typename"] for error in payload["errors"]] == ["NotAllowedNow"]
    assert "task-2" in payload["errors"][0]["message"]


async def test_where_the_upstream_points_becomes_a_path_into_the_arguments(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/send-tasks", sample("send_task_refused.json"), status=422)

    payload = await payload_of(documents.CREATE_DELIVERY, documents.DELIVERY, context)

    (error,) = payload["errors"]
    assert (error["__typename"], error["path"]) == ("InvalidInput", ["input", "type"])
    assert "delivery-type field is required" in error["message"]
    assert payload["delivery"] is None


@pytest.mark.parametrize(
    ("status", "kind", "details"),
    [
        (400, "InvalidInput", {"retryable": False, "path": None}),
        (401, "UpstreamFailed", {"retryable": False, "upstream": "LOGISTICS", "outcomeUnknown": False}),
        (404, "NotFound", {"retryable": False, "missingId": "task-1"}),
        (409, "Conflict", {"retryable": False}),
        (429, "RateLimited", {"retryable": True, "retryAfterSeconds": 7.0}),
        (503, "UpstreamFailed", {"retryable": True, "upstream": "LOGISTICS", "outcomeUnknown": True}),
    ],
)
async def test_every_refusal_of_an_upstream_is_data_of_its_own_kind(
    status: int, kind: str, details: dict[str, Any], upstream: RecordingServer, context: Context
) -> None:
    body = b'{"code": "no", "message": "It says no."}'
    upstream.answer("PATCH", "/platform/tasks/task-1", body, status=status, headers={"retry-after": "7"})

    payload = await payload_of(documents.UPDATE_TASK, documents.TASK_CHANGE, context)

    (error,) = payload["errors"]
    assert payload["task"] is None
    assert error.pop("message")
    assert error == {"__typename": kind} | details


async def test_holding_a_started_delivery_back_says_how_it_stands(upstream: RecordingServer, context: Context) -> None:
    delivery_id = json.loads(sample("send_task.json"))["data"]["id"]
    upstream.answer("GET", f"/send-tasks/{delivery_id}", sample("send_task.json"))

    payload = await payload_of(documents.CANCEL_DELIVERY, {"id": delivery_id}, context)

    (error,) = payload["errors"]
    assert (error["__typename"], error["rawStatus"]) == ("NotAllowedNow", "completed")


async def test_a_refused_cancellation_says_how_the_task_stands(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("PATCH", "/tasks/task-1/cancel", b'{"code": "conflict", "message": "Too late."}', status=409)
    upstream.answer("GET", "/platform/tasks/task-1", TASK.replace(b'"pending_broadcast"', b'"accepted"'))

    payload = await payload_of(documents.CANCEL_TASK, documents.CANCELLATION, context)

    (error,) = payload["errors"]
    assert (error["__typename"], error["rawStatus"]) == ("NotAllowedNow", "accepted")
    assert "Too late." in error["message"]


async def test_a_refused_cancellation_is_one_also_where_the_task_cannot_be_read(
    upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("PATCH", "/tasks/task-1/cancel", b"", status=409)
    upstream.answer("GET", "/platform/tasks/task-1", b"", status=500)

    payload = await payload_of(documents.CANCEL_TASK, documents.CANCELLATION, context)

    (error,) = payload["errors"]
    assert (error["__typename"], error["rawStatus"]) == ("NotAllowedNow", None)


async def test_a_task_that_got_no_tracking_id_is_named(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("PATCH", "/platform/tasks/tracking-ids", b'{"updated_tasks": []}')

    payload = await payload_of(documents.SET_TRACKING_IDS, documents.TRACKED, context)

    (error,) = payload["errors"]
    assert (error["__typename"], error["missingId"]) == ("NotFound", "task-1")
    assert payload["tasks"] is None


@pytest.mark.parametrize(("count", "said"), [(20, []), (45, ["Tasks 0 to 19", "Tasks 20 to 39", "Tasks 40 to 44"])])
async def test_a_failed_call_of_several_says_which_tasks_it_was_about(
    count: int, said: list[str], upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/platform/tasks", b"", status=500)

    payload = await payload_of(documents.CREATE_TASKS, {"tasks": documents.TASKS["tasks"] * count}, context)

    messages = [error["message"] for error in payload["errors"]]
    assert len(messages) == max(1, len(said))
    assert [message.partition(" of the list: ")[0] for message in messages if " of the list" in message] == said


async def test_an_error_that_calls_share_names_the_tasks_of_each() -> None:
    shared = InputRefused(UpstreamName.LOGISTICS, "No token.", pointer="/a")
    shared.also = (InputRefused(UpstreamName.LOGISTICS, "Nor a key."),)

    async def fail(_number: int, _chunk: Sequence[int]) -> list[int]:
        raise shared

    _, failed = await by_chunks(range(25), fail)

    said = [[one.message, one.also[0].message, one.pointer] for _, one in failed if isinstance(one, InputRefused)]
    assert said == [
        ["Tasks 0 to 19 of the list: No token.", "Tasks 0 to 19 of the list: Nor a key.", "/a"],
        ["Tasks 20 to 24 of the list: No token.", "Tasks 20 to 24 of the list: Nor a key.", "/a"],
    ]
    assert shared.message == "No token."


@pytest.mark.parametrize(("headers", "seconds"), [({}, 10.0), ({"retry-after": "4"}, 4.0)])
async def test_a_job_that_was_one_too_many_may_be_sent_after_the_ten_seconds_that_are_counted(
    headers: dict[str, str], seconds: float, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/jobs", b"", status=429, headers=headers)

    payload = await payload_of(documents.SEND_SMS, documents.JOB, context)

    (error,) = payload["errors"]
    assert (error["__typename"], error["retryAfterSeconds"]) == ("RateLimited", seconds)
