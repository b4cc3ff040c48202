"""Every id that the schema takes: what cannot be one is refused at its place, with the form that was expected."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, NamedTuple

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type

from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.contract import documents
from tests.contract.operations import replaced
from tests.scripted_gateway import ScriptedGateway, scripted_gateway

UUID: Final = "8f14e45f-ceea-467f-9575-6a1c1d1f8c1a"
OF_KINDS: Final = {
    "Delivery": "Delivery:4711",
    "Product": "Product:42",
    "DspUploadIdentification": "DspUploadIdentification:1876",
    "SmsJob": "SmsJob:J.1",
    "Recipient": "Recipient:J.1/S.1",
    "LogisticsTask": f"LogisticsTask:{UUID}",
    "Organization": f"Organization:{UUID}",
}
IMPOSSIBLE: Final = ("not an id!!", "", " ", "a/b", "..", "\u0661", "x" * 300, "1\n", "Nothing:1", "Delivery:", ":1")


class Place(NamedTuple):
    """Where the schema takes an id.

    Args:
        document: An operation that takes it.
        variables: The operation's, which are right.
        path: Of the id in them, which is also its path in the arguments.
        kinds: Those that it takes; empty where a global id of any is.
        global_only: Whether the upstream's own id will not do.
    """

    document: str
    variables: dict[str, Any]
    path: tuple[str | int, ...]
    kinds: tuple[str, ...] = ()
    global_only: bool = False


def query(field: str, argument: str, kind: str) -> Place:
    document = f"query ($id: ID!) {{ answer: {field}({argument}: $id) {{ __typename }} }}"
    return Place(document, {"id": "1"}, ("id",), (kind,))


FILTER: Final = "query ($filter: DeliveryFilter) { answer: deliveries(filter: $filter) { nodes { id } } }"
JOB_ABOUT: Final = {"messages": documents.JOB["input"]["messages"], "regarding": "Delivery:1"}

PLACES: Final = {
    "Query.node.id": Place("query ($id: ID!) { answer: node(id: $id) { id } }", {"id": "1"}, ("id",), global_only=True),
    "Query.nodes.ids": Place(
        "query ($ids: [ID!]!) { answer: nodes(ids: $ids) { id } }", {"ids": ["1"]}, ("ids", 0), global_only=True
    ),
    "Query.delivery.id": query("delivery", "id", "Delivery"),
    "Query.smsJob.id": query("smsJob", "id", "SmsJob"),
    "Query.recipients.jobId": query("recipients", "jobId", "SmsJob"),
    "Query.logisticsTask.id": query("logisticsTask", "id", "LogisticsTask"),
    "Query.organization.id": query("organization", "id", "Organization"),
    "DeliveryFilter.ids": Place(FILTER, {"filter": {"ids": ["1", "2"]}}, ("filter", "ids", 1), ("Delivery",)),
    "DeliveryFilter.productId": Place(FILTER, {"filter": {"productId": 1}}, ("filter", "productId"), ("Product",)),
    "DeliveryFilter.dspUploadIdentificationId": Place(
        FILTER,
        {"filter": {"dspUploadIdentificationId": 1}},
        ("filter", "dspUploadIdentificationId"),
        ("DspUploadIdentification",),
    ),
    "LogisticsTaskFilter.organizationId": Place(
        "query ($filter: LogisticsTaskFilter) { answer: logisticsTasks(filter: $filter) { nodes { id } } }",
        {"filter": {"organizationId": "1"}},
        ("filter", "organizationId"),
        ("Organization",),
    ),
    "Mutation.updateDelivery.id": Place(documents.UPDATE_DELIVERY, documents.DELIVERY_CHANGE, ("id",), ("Delivery",)),
    "Mutation.cancelDelivery.id": Place(documents.CANCEL_DELIVERY, {"id": "1"}, ("id",), ("Delivery",)),
    "CreateDeliveryInput.productId": Place(
        documents.CREATE_DELIVERY, documents.DELIVERY, ("input", "productId"), ("Product",)
    ),
    "CreateDeliveryInput.dspUploadIdentificationId": Place(
        documents.CREATE_DELIVERY,
        documents.DELIVERY,
        ("input", "dspUploadIdentificationId"),
        ("DspUploadIdentification",),
    ),
    "SendSmsInput.regarding": Place(
        documents.SEND_SMS,
        {"input": JOB_ABOUT},
        ("input", "regarding"),
        ("Delivery", "LogisticsTask"),
        global_only=True,
    ),
    "Mutation.updateLogisticsTask.id": Place(documents.UPDATE_TASK, documents.TASK_CHANGE, ("id",), ("LogisticsTask",)),
    "UpdateLogisticsTaskInput.organizationId": Place(
        documents.UPDATE_TASK, documents.TASK_CHANGE, ("input", "organizationId"), ("Organization",)
    ),
    "Mutation.cancelLogisticsTask.id": Place(
        documents.CANCEL_TASK, documents.CANCELLATION, ("id",), ("LogisticsTask",)
    ),
    "Mutation.broadcastLogisticsTasks.ids": Place(
        documents.BROADCAST, {"ids": ["a", "b"]}, ("ids", 1), ("LogisticsTask",)
    ),
    "TrackingIdInput.taskId": Place(
        documents.SET_TRACKING_IDS, documents.TRACKED, ("tasks", 0, "taskId"), ("LogisticsTask",)
    ),
    "LogisticsTaskInput.organizationId": Place(
        documents.CREATE_TASKS, documents.TASKS, ("tasks", 0, "organizationId"), ("Organization",)
    ),
    "Mutation.inviteUser.organizationId": Place(
        documents.INVITE_USER, documents.INVITATION, ("organizationId",), ("Organization",)
    ),
    "Mutation.inviteUser.roleId": Place(documents.INVITE_USER, documents.INVITATION, ("roleId",), ("Role",)),
}

FOLLOWED: Final = "Subscription.statusChanged.ids"


def places_of_ids() -> Iterator[str]:
    """Every argument and input field of the schema that takes an id."""
    for name, kind in core_schema(build_schema()).type_map.items():
        if isinstance(kind, GraphQLInputObjectType):
            yield from (f"{name}.{own}" for own, one in kind.fields.items() if get_named_type(one.type).name == "ID")
        elif isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field, one in kind.fields.items():
                ids = (own for own, argument in one.args.items() if get_named_type(argument.type).name == "ID")
                yield from (f"{name}.{field}.{own}" for own in ids)


def test_every_place_is_in_the_table() -> None:
    assert set(places_of_ids()) == {*PLACES, FOLLOWED}


def wrong_ids(place: Place) -> Iterator[str]:
    yield from IMPOSSIBLE
    yield from (own_id for kind, own_id in OF_KINDS.items() if place.kinds and kind not in place.kinds)
    if place.global_only:
        yield from ("1", UUID, "J.1")
    for kind in place.kinds:
        yield f"{kind}:not an id!!"


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    async with scripted_gateway() as running:
        yield running


def refusals(answer: dict[str, Any]) -> list[tuple[list[str], str]]:
    """The path into the arguments, and the words, of each refusal: of a query's error or of a mutation's data."""
    errors = answer.get("errors", ())
    told = [(error["extensions"]["argumentPath"], error["message"]) for error in errors]
    assert {error["extensions"]["code"] for error in errors} <= {"BAD_INPUT"}
    payload = (answer["data"] or {}).get("answer")
    if isinstance(payload, dict) and "errors" in payload:
        assert {error["__typename"] for error in payload["errors"]} == {"InvalidInput"}
        told += [(error["path"], error["message"]) for error in payload["errors"]]
    return told


@pytest.mark.parametrize("name", PLACES)
async def test_a_wrong_id_is_refused_at_its_place_and_asks_nobody(name: str, gateway: ScriptedGateway) -> None:
    place = PLACES[name]
    for wrong in wrong_ids(place):
        answer = await gateway.ask(place.document, replaced(place.variables, place.path, wrong))

        ((path, words),) = refusals(answer.json)
        assert path == [str(step) for step in argument_path(name, place)], wrong
        assert any(form in words for form in ("such as ", "Kind:id", "is an id of the kind")), (wrong, words)
        assert gateway.asked == [], wrong


def argument_path(name: str, place: Place) -> tuple[str | int, ...]:
    """The path of an id in the arguments: a query's variable stands for one argument."""
    kind, *_, argument = name.split(".")
    return (argument,) if kind == "Query" and place.path == ("id",) else place.path


@pytest.mark.parametrize("wrong", [*IMPOSSIBLE, "1", UUID, "Product:42", f"Organization:{UUID}"])
async def test_what_cannot_be_followed_is_a_problem_with_the_expected_form(
    wrong: str, gateway: ScriptedGateway
) -> None:
    document = """subscription ($ids: [ID!]!) {
      statusChanged(ids: $ids) { kind problem { code message subjectId } }
    }"""
    body = {"query": document, "variables": {"ids": [wrong]}}

    async with gateway.client.stream(
        "POST", f"{gateway.url}/graphql", json=body, headers={"accept": "text/event-stream"}
    ) as response:
        lines = [line async for line in response.aiter_lines()]

    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    (event,) = told
    problem = event["data"]["statusChanged"]["problem"]
    assert (problem["code"], problem["subjectId"]) == ("BAD_INPUT", wrong)
    assert any(
        form in problem["message"] for form in ("such as ", "Kind:id", "no status to follow; follow Delivery")
    ), problem["message"]
    assert gateway.upstream.requests == []
