"""Clients read what happened in their own terms, whatever goes wrong at an upstream and whatever they ask."""

import json
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from resolvers.upstreams.logistics.base_client import LogisticsPaths
from resolvers.upstreams.purposes import PURPOSES, UNNAMED
from tests.contract import documents
from tests.internal_names import OPERATIONS, internal_names
from tests.world import UNCACHED, running_world

READS: Final = {
    name: f"{{ answer: {field} }}"
    for name, field in {
        "delivery": 'delivery(id: "1") { id product { id } dspUploadIdentification { id } }',
        "deliveries": "deliveries { nodes { id } }",
        "nodes": 'nodes(ids: ["Product:1", "DspUploadIdentification:1", "Recipient:J.1/S.1"]) { id }',
        "smsJob": 'smsJob(id: "J.1") { qos }',
        "smsJobs": "smsJobs { nodes { id qos } }",
        "recipients": 'recipients(jobId: "J.1") { totalCount }',
        "smsApiVersion": "smsApiVersion { majorVersion }",
        "logisticsTask": 'logisticsTask(id: "1") { id }',
        "logisticsTasks": "logisticsTasks { nodes { id } }",
        "priceQuote": 'priceQuote(input: { serviceType: CAR, stops: [{ address: "A" }, { address: "B" }] }) { code }',
        "partner": "partner { name }",
        "organization": 'organization(id: "1") { roles { name } }',
        "organizations": "organizations { nodes { id } }",
    }.items()
}
CHANGES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "createLogisticsTasks": (documents.CREATE_TASKS, documents.TASKS),
    "createLogisticsTasks as drafts": (documents.CREATE_TASKS, documents.TASKS | {"draft": True}),
    "updateLogisticsTask": (documents.UPDATE_TASK, documents.TASK_CHANGE),
    "sendSms": (documents.SEND_SMS, documents.JOB),
    "createDelivery": (documents.CREATE_DELIVERY, documents.DELIVERY),
    "updateDelivery": (documents.UPDATE_DELIVERY, documents.DELIVERY_CHANGE),
    "cancelDelivery": (documents.CANCEL_DELIVERY, {"id": "1"}),
    "cancelLogisticsTask": (documents.CANCEL_TASK, documents.CANCELLATION),
    "broadcastLogisticsTasks": (documents.BROADCAST, {"ids": ["task-1"]}),
    "broadcastLogisticsTasksWithTracking": (documents.BROADCAST_WITH_TRACKING, documents.TRACKED),
    "setTrackingIds": (documents.SET_TRACKING_IDS, documents.TRACKED),
    "createOrganization": (documents.CREATE_ORGANIZATION, {"businessName": "Ann"}),
    "inviteUser": (documents.INVITE_USER, documents.INVITATION),
}
OPERATIONS_OF_CLIENTS: Final = {**{name: (text, {}) for name, text in READS.items()}, **CHANGES}

WORDS: Final = (
    "The thing is out of order: db-7.internal:5432 refused, see http://10.0.0.7/trace and https://vendor.example/e1."
)

FAILURES: Final = {
    "refused": Response(json.dumps({"errors": [{"detail": WORDS}]}), 422),
    "conflicting": Response(json.dumps({"code": "conflict", "message": WORDS}), 409),
    "missing": Response(json.dumps({"errors": [{"detail": WORDS}]}), 404),
    "status": Response(json.dumps({"code": "status_forbids", "message": WORDS}), 422),
    "forbidden": Response(WORDS, 403),
    "limited": Response("", 429, {"retry-after": "0"}),
    "down": Response(WORDS, 503),
    "undocumented": Response(WORDS, 418),
    "nonsense": Response('{"data": {"id": 5, "None": null}, "tasks": [{"id": 7}], "code": "failed", "message": "no"}'),
    "cut": Response('{"data": '),
}

SILENT: Final = {"missing": {"delivery", "nodes", "smsJob", "recipients", "logisticsTask", "organization"}}
"""The operations without a message: a record that is missing is null in a query."""


class Failing:
    """Lets every simulator answer all but logins with one answer; lifetime: one test.

    Args:
        answer: The answer; None lets the simulators answer.
    """

    def __init__(self, answer: Response | None = None) -> None:
        self.answer = answer

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            passes = self.answer is None or scope["path"] == "/oauth/token" or scope["type"] != "http"
            await (app if passes or self.answer is None else self.answer)(scope, receive, send)

        return served


def messages_of(answer: dict[str, Any]) -> list[str]:
    """All messages of an answer: those of errors, and those that are data."""
    payload = (answer.get("data") or {}).get("answer")
    data = payload.get("errors", ()) if isinstance(payload, dict) else ()
    return [one["message"] for one in [*answer.get("errors", ()), *data]]


async def test_no_message_about_an_upstream_has_internal_names() -> None:
    failing = Failing()
    async with running_world({**UNCACHED, "GATEWAY_DEADLINE_SECONDS": "0.3"}, around=failing) as world:
        for failure, answer in FAILURES.items():
            failing.answer = answer
            silent = set()
            for name, (text, variables) in OPERATIONS_OF_CLIENTS.items():
                messages = messages_of((await world.ask(text, variables)).json)
                if not messages:
                    silent.add(name)
                for message in messages:
                    assert internal_names(message) == [], (name, message)
                    assert ".internal" not in message, (name, message)
                    assert "10.0.0.7" not in message, (name, message)
            assert silent == SILENT.get(failure, set())


def test_every_operation_has_a_purpose_in_words() -> None:
    named = {name for purposes in PURPOSES.values() for name in purposes}

    assert named >= OPERATIONS
    assert set(LogisticsPaths.__dataclass_fields__) <= named
    assert all(" " in words or words == UNNAMED for purposes in PURPOSES.values() for words in purposes.values())


async def test_the_words_of_an_upstream_follow_in_a_sentence_of_their_own() -> None:
    async with running_world(UNCACHED, around=Failing(FAILURES["refused"])) as world:
        answer = await world.ask(
            'mutation { answer: cancelLogisticsTask(id: "1", reason: "r") { errors { message } } }'
        )

    (message,) = messages_of(answer.json)
    assert message == (
        "LOGISTICS refused to cancel the task, because the task's status forbids it. It says: The thing is out of "
        "order: [internal address] refused, see [internal address] and https://vendor.example/e1."
    )
