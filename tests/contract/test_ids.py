"""What cannot be an id, or is the id of another kind, is refused before any call, with the form that was expected."""

import json
from typing import Final

import pytest

from resolvers.errors import BadInput
from tests.contract.operations import NoWayOut, context_over, execute
from tests.upstreams.httpx_transport import httpx_transport
from tests.upstreams.recording_server import RecordingServer

NUMBER: Final = "4711"
UUID: Final = "8f14e45f-ceea-467f-9575-6a1c1d1f8c1a"
JOB: Final = "J.20180924-131731.737-0iey4kxqyTQCQDIFN1"

ATTRIBUTES: Final = {
    "deliverable": True,
    "delivery-type": "delivery",
    "status": "waiting",
    "created-at": "2029-12-31T00:00:00Z",
    "updated-at": "2029-12-31T00:00:00Z",
}

WRONG: Final = [
    ("node", "id", "1", "Kind:id, such as Delivery:4711"),
    ("node", "id", "", "Kind:id"),
    ("node", "id", "Nothing:1", "Kinds are Delivery, DspUploadIdentification,"),
    ("node", "id", "delivery:1", "Kind:id"),
    ("node", "id", "Role:1", "Kind:id"),
    ("node", "id", "Delivery:abc", "a number, of at most 256 characters, such as 4711 or Delivery:4711"),
    ("node", "id", "Product:P1", "a number"),
    ("node", "id", "LogisticsTask:not a uuid!!", "a UUID"),
    ("node", "id", "SmsJob:J 1", "such as J.2018"),
    ("node", "id", f"Recipient:{JOB}", "parted by `/`"),
    ("node", "id", "Recipient:a/b/c", "parted by `/`"),
    ("delivery", "id", "abc", "a number"),
    ("delivery", "id", "-1", "a number"),
    ("delivery", "id", "1.5", "a number"),
    ("delivery", "id", "\u0661", "a number"),
    ("delivery", "id", "1\n", "a number"),
    ("delivery", "id", "1,2", "a number"),
    ("delivery", "id", f"SmsJob:{JOB}", "is an id of the kind SmsJob, not Delivery"),
    ("smsJob", "id", "a/b", "the API's job id"),
    ("smsJob", "id", f"Delivery:{NUMBER}", "is an id of the kind Delivery, not SmsJob"),
    ("recipients", "jobId", "?", "the API's job id"),
    ("logisticsTask", "id", "not a uuid!!", f"`.` and `~` alone, of at most 256 characters, such as {UUID} or"),
    ("logisticsTask", "id", "..", "a UUID"),
    ("logisticsTask", "id", f"Organization:{UUID}", "is an id of the kind Organization, not LogisticsTask"),
    ("organization", "id", "x" * 257, "a UUID"),
    ("organization", "id", f"LogisticsTask:{UUID}", "is an id of the kind LogisticsTask, not Organization"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "argument", "value", "said"), WRONG)
async def test_a_wrong_id_is_bad_input_with_the_expected_form(field: str, argument: str, value: str, said: str) -> None:
    document = f"query($id: ID!) {{ {field}({argument}: $id) {{ __typename }} }}"

    result = await execute(document, {"id": value}, context_over(NoWayOut()))

    assert result.errors is not None
    (error,) = result.errors
    assert isinstance(error.original_error, BadInput)
    assert error.original_error.path == (argument,)
    assert said in error.message


@pytest.mark.parametrize("value", ["Delivery:1", "1", "SmsJob:1", "LogisticsTask:not a uuid!!"])
async def test_what_an_sms_is_regarding_is_refused_where_it_is_no_id_of_such_a_thing(value: str) -> None:
    document = """mutation($id: ID!) { answer: sendSms(input: {
        messages: [{ text: "t", recipients: [{ destination: "+4989" }] }], regarding: $id, options: { customerRef: "m" }
    }) { errors { __typename ... on InvalidInput { path message } } } }"""

    result = await execute(document, {"id": value}, context_over(NoWayOut()))

    assert result.data is not None
    (error,) = result.data["answer"]["errors"]
    assert (error["__typename"], error["path"]) == ("InvalidInput", ["input", "regarding"])


@pytest.mark.parametrize(
    ("mutation", "path"),
    [
        ('cancelDelivery(id: "abc")', ["id"]),
        ('updateDelivery(id: "LogisticsTask:1", input: { deliverable: true })', ["id"]),
        (
            'createDelivery(input: { type: UPDATE, deliverable: true, productId: "a", dspUploadIdentificationId: 1 })',
            ["input", "productId"],
        ),
        (
            'createDelivery(input: { type: UPDATE, deliverable: true, productId: 1, dspUploadIdentificationId: "a" })',
            ["input", "dspUploadIdentificationId"],
        ),
        ('cancelLogisticsTask(id: "not a uuid!!", reason: "r")', ["id"]),
        ('broadcastLogisticsTasks(ids: ["1", "not a uuid!!"])', ["ids", "1"]),
        ('setTrackingIds(tasks: [{ taskId: "a/b", trackingId: "1" }])', ["tasks", "0", "taskId"]),
        ('inviteUser(email: "a@example.com", organizationId: "not a uuid!!")', ["organizationId"]),
        ('inviteUser(email: "a@example.com", organizationId: "1", roleId: "not a uuid!!")', ["roleId"]),
    ],
)
async def test_a_wrong_id_in_a_mutation_is_invalid_input_with_its_path(mutation: str, path: list[str]) -> None:
    document = f"mutation {{ answer: {mutation} {{ errors {{ __typename ... on InvalidInput {{ path }} }} }} }}"

    result = await execute(document, {}, context_over(NoWayOut()))

    assert result.data is not None
    assert result.data["answer"]["errors"] == [{"__typename": "InvalidInput", "path": path}]


async def test_one_wrong_id_of_several_nodes_is_refused_alone_and_the_others_share_a_call(
    upstream: RecordingServer,
) -> None:
    deliveries = [{"id": one, "type": "send-tasks", "attributes": ATTRIBUTES} for one in ("1", "2")]
    body = {"data": deliveries, "meta": {"page": {"total": 2, "perPage": 20}}}
    upstream.answer("GET", "/send-tasks", json.dumps(body).encode())

    async with httpx_transport() as transport:
        query = '{ nodes(ids: ["Delivery:1", "Delivery:abc", "Delivery:2", "1"]) { id } }'
        result = await execute(query, {}, context_over(transport, upstream.url))

    assert result.data == {"nodes": [{"id": "Delivery:1"}, None, {"id": "Delivery:2"}, None]}
    assert [error.path for error in result.errors or ()] == [["nodes", 1], ["nodes", 3]]
    causes = [error.original_error for error in result.errors or ()]
    assert [cause.path for cause in causes if isinstance(cause, BadInput)] == [("ids", "1"), ("ids", "3")]
    assert upstream.only_request.parameters["filter[id]"] == "1,2"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("delivery", "99999999999999999999"),
        ("delivery", "Delivery:0"),
        ("smsJob", JOB),
        ("smsJob", "1"),
        ("logisticsTask", UUID),
        ("logisticsTask", UUID.upper()),
        ("logisticsTask", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        ("logisticsTask", "000000000000000000000000"),
        ("organization", f"Organization:{UUID}"),
        ("node", "Recipient:J.20180924-131731.737-0iey4kxqyTQCQDIFN1/S.20180924-114600-00001"),
    ],
)
async def test_what_may_be_an_id_upstream_is_asked_for(upstream: RecordingServer, field: str, value: str) -> None:
    async with httpx_transport() as transport:
        document = f"query($id: ID!) {{ {field}(id: $id) {{ __typename }} }}"
        await execute(document, {"id": value}, context_over(transport, upstream.url))

    assert upstream.requests


@pytest.mark.parametrize(
    ("status", "body", "retryable"),
    [
        (422, {"errors": [{"detail": "in progress", "source": {"pointer": "/data"}}]}, True),
        (409, {"errors": [{"detail": "A send task for this product is still in progress."}]}, True),
    ],
)
async def test_a_conflict_with_what_is_still_in_progress_may_be_tried_again(
    upstream: RecordingServer, status: int, body: object, *, retryable: bool
) -> None:
    upstream.answer("POST", "/send-tasks", json.dumps(body).encode(), status=status)
    document = """mutation { answer: createDelivery(input: {
        type: DELIVERY, deliverable: true, productId: "1", dspUploadIdentificationId: "1"
    }) { errors { __typename retryable } } }"""

    async with httpx_transport() as transport:
        result = await execute(document, {}, context_over(transport, upstream.url))

    assert result.data == {"answer": {"errors": [{"__typename": "Conflict", "retryable": retryable}]}}
