"""What a caller may not do is FORBIDDEN at its place, asks no upstream, and leaves the rest alone."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from schema.root import build_schema
from tests.auth.issuer import Issuer, bearer, settings_for
from tests.contract import documents
from tests.subscriptions.stream_client import SSE
from tests.world import UNCACHED, World, running_world

PRICE: Final = '{serviceType: CAR, stops: [{address: "Pier 1"}, {address: "Pier 2"}]}'

QUERIES: Final = {
    "node": 'node(id: "Delivery:1") { id }',
    "nodes": 'nodes(ids: ["SmsJob:1", "LogisticsTask:1"]) { id }',
    "delivery": 'delivery(id: "1") { id }',
    "deliveries": "deliveries { totalCount }",
    "smsJob": 'smsJob(id: "1") { id }',
    "smsJobs": "smsJobs { nodes { id } }",
    "recipients": 'recipients(jobId: "1") { totalCount }',
    "smsApiVersion": "smsApiVersion { majorVersion }",
    "logisticsTask": 'logisticsTask(id: "1") { id }',
    "logisticsTasks": "logisticsTasks { nodes { id } }",
    "priceQuote": f"priceQuote(input: {PRICE}) {{ code }}",
    "partner": "partner { name }",
    "organization": 'organization(id: "1") { id }',
    "organizations": "organizations { nodes { id } }",
    "upstreams": "upstreams { name }",
}

MUTATIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "createDelivery": (documents.CREATE_DELIVERY, documents.DELIVERY),
    "updateDelivery": (documents.UPDATE_DELIVERY, documents.DELIVERY_CHANGE),
    "cancelDelivery": (documents.CANCEL_DELIVERY, {"id": "1"}),
    "sendSms": (documents.SEND_SMS, documents.JOB),
    "createLogisticsTasks": (documents.CREATE_TASKS, documents.TASKS),
    "updateLogisticsTask": (documents.UPDATE_TASK, documents.TASK_CHANGE),
    "cancelLogisticsTask": (documents.CANCEL_TASK, documents.CANCELLATION),
    "broadcastLogisticsTasks": (documents.BROADCAST, {"ids": ["1"]}),
    "broadcastLogisticsTasksWithTracking": (documents.BROADCAST_WITH_TRACKING, documents.TRACKED),
    "setTrackingIds": (documents.SET_TRACKING_IDS, documents.TRACKED),
    "createOrganization": (documents.CREATE_ORGANIZATION, {"businessName": "Acme"}),
    "inviteUser": (documents.INVITE_USER, documents.INVITATION),
}

EDGES: Final = {
    "Delivery.product",
    "Delivery.dspUploadIdentification",
    "Delivery.smsJobs",
    "SmsJob.recipients",
    "SmsJob.recipientSummary",
    "SmsJob.regarding",
    "LogisticsTask.organization",
    "LogisticsTask.smsJobs",
    "Organization.roles",
}
"""Fields that ask an upstream, below something that a caller may have got by writing alone."""

WITHIN_ONE_SCOPE: Final = {"Recipient.job", "ListEvent.node", "ListEvent.nodes"}
"""Nobody has a recipient who may not read jobs, or an event of a list whose records are not to be read."""


@pytest.fixture
async def world(issuer: Issuer) -> AsyncIterator[World]:
    async with running_world({**UNCACHED, **settings_for(issuer)}) as world:
        yield world


def test_every_field_that_a_client_can_ask_is_among_those_tested() -> None:
    schema = build_schema()

    asked = {
        f"{name}.{schema.config.name_converter.get_graphql_name(field)}"
        for name, kept in schema.schema_converter.type_map.items()
        for field in getattr(kept.definition, "fields", ())
        if getattr(field, "base_resolver", None) is not None
    }

    roots = {f"Query.{name}" for name in QUERIES} | {f"Mutation.{name}" for name in MUTATIONS}
    assert asked == roots | EDGES | WITHIN_ONE_SCOPE | {"Subscription.statusChanged", "Subscription.changes"}


async def test_a_caller_without_scopes_is_forbidden_every_query_and_no_upstream_is_asked(
    issuer: Issuer, world: World
) -> None:
    query = f"{{ {' '.join(QUERIES.values())} }}"

    answer = await world.ask(query, headers=bearer(issuer.token(scope="")))

    refused = QUERIES.keys() - {"nodes", "upstreams"} | {"nodes.0", "nodes.1"}
    assert answer.codes == dict.fromkeys(refused, "FORBIDDEN")
    assert answer.json["data"] == {
        **dict.fromkeys(QUERIES),
        "nodes": [None, None],
        "upstreams": [{"name": "DELIVERIES"}, {"name": "SMS"}, {"name": "LOGISTICS"}],
    }
    assert world.requests == []


async def test_a_caller_who_may_only_read_is_forbidden_every_mutation_and_no_upstream_is_asked(
    issuer: Issuer, world: World
) -> None:
    headers = bearer(issuer.token(scope="deliveries:read sms:read logistics:read"))

    for name, (document, variables) in MUTATIONS.items():
        answer = await world.ask(document, variables, headers=headers)

        assert (name, answer.codes) == (name, {"answer": "FORBIDDEN"})
        assert (name, world.requests) == (name, [])


@pytest.mark.parametrize(
    ("scope", "kind"), [("deliveries:read", "Delivery"), ("sms:read", "SmsJob"), ("logistics:read", "LogisticsTask")]
)
async def test_nodes_are_forbidden_by_their_kind_and_the_others_are_answered(
    issuer: Issuer, world: World, scope: str, kind: str
) -> None:
    ids = ["Delivery:1", "SmsJob:none", "LogisticsTask:none", "Product:1", "Recipient:1/2", "Organization:1"]
    kinds = {"Delivery": 2, "SmsJob": 2, "LogisticsTask": 2}

    answer = await world.ask(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }",
        {"ids": ids},
        headers=bearer(issuer.token(scope=scope)),
    )

    allowed = {
        "Delivery": {"nodes.0", "nodes.3"},
        "SmsJob": {"nodes.1", "nodes.4"},
        "LogisticsTask": {"nodes.2", "nodes.5"},
    }
    everything = {f"nodes.{index}" for index in range(len(ids))}
    assert len(allowed[kind]) == kinds[kind]
    assert answer.codes == dict.fromkeys(everything - allowed[kind], "FORBIDDEN")


async def test_a_writer_gets_what_it_wrote_but_reads_no_further(issuer: Issuer, world: World) -> None:
    headers = bearer(issuer.token(scope="sms:write logistics:write deliveries:write"))
    sent = await world.ask(
        """mutation ($input: SendSmsInput!) { sendSms(input: $input) { errors { message } job {
          jobId regarding { id } recipients { totalCount } recipientSummary { pending } } } }""",
        {"input": {"messages": documents.JOB["input"]["messages"], "regarding": "Delivery:1"}},
        headers=headers,
    )
    created = await world.ask(
        """mutation ($name: String!) { createOrganization(businessName: $name) { errors { message }
          organization { businessName roles { name } } } }""",
        {"name": "Harbour Foods"},
        headers=headers,
    )

    assert sent.codes == {
        "sendSms.job.regarding": "FORBIDDEN",
        "sendSms.job.recipients": "FORBIDDEN",
        "sendSms.job.recipientSummary": "FORBIDDEN",
    }
    assert sent.json["data"]["sendSms"]["job"]["jobId"]
    assert created.codes == {"createOrganization.organization.roles": "FORBIDDEN"}
    assert created.json["data"]["createOrganization"]["organization"]["businessName"] == "Harbour Foods"


@pytest.mark.parametrize("followed", ["deliveries: {}", "smsJobs: {}", "logisticsTasks: {}"])
async def test_a_list_is_followed_by_those_alone_who_may_read_it(issuer: Issuer, world: World, followed: str) -> None:
    headers = {**bearer(issuer.token(scope="")), "accept": "text/event-stream"}

    answer = await world.client.post(
        f"{world.url}/graphql",
        json={"query": f"subscription {{ changes(filter: {{ {followed} }}) {{ kind }} }}"},
        headers=headers,
    )

    assert "FORBIDDEN" in answer.text
    assert "SNAPSHOT" not in answer.text
    assert world.requests == []


async def test_what_belongs_to_a_delivery_is_forbidden_to_its_writer(issuer: Issuer, world: World) -> None:
    reading, writing = (bearer(issuer.token(scope=f"deliveries:{verb}")) for verb in ("read", "write"))
    listed = await world.ask("{ deliveries(filter: {status: COMPLETED}, first: 1) { nodes { id } } }", headers=reading)
    delivery_id = listed.data["deliveries"]["nodes"][0]["id"]

    answer = await world.ask(
        """mutation ($id: ID!) { updateDelivery(id: $id, input: {deliverable: true}) { errors { message } delivery {
          id product { id } dspUploadIdentification { id } smsJobs { __typename } } } }""",
        {"id": delivery_id},
        headers=writing,
    )

    assert answer.codes == {
        "updateDelivery.delivery.product": "FORBIDDEN",
        "updateDelivery.delivery.dspUploadIdentification": "FORBIDDEN",
        "updateDelivery.delivery.smsJobs": "FORBIDDEN",
    }
    assert answer.json["data"]["updateDelivery"]["delivery"]["id"] == delivery_id


async def test_an_organization_is_forbidden_to_the_writer_of_its_task(issuer: Issuer, world: World) -> None:
    reading, writing = (bearer(issuer.token(scope=f"logistics:{verb}")) for verb in ("read", "write"))
    listed = await world.ask("{ organizations(first: 1) { nodes { organizationId } } }", headers=reading)
    task = {**documents.TASKS["tasks"][0], "organizationId": listed.data["organizations"]["nodes"][0]["organizationId"]}

    answer = await world.ask(
        """mutation ($tasks: [LogisticsTaskInput!]!) { createLogisticsTasks(tasks: $tasks) { errors { message } tasks {
          organizationId organization { id } smsJobs { __typename } } } }""",
        {"tasks": [task]},
        headers=writing,
    )

    assert answer.codes == {
        "createLogisticsTasks.tasks.0.organization": "FORBIDDEN",
        "createLogisticsTasks.tasks.0.smsJobs": "FORBIDDEN",
    }
    assert answer.json["data"]["createLogisticsTasks"]["tasks"][0]["organizationId"] == task["organizationId"]


async def test_a_reader_of_sms_alone_does_not_learn_what_a_job_is_about(issuer: Issuer, world: World) -> None:
    sent = await world.ask(
        """mutation ($input: SendSmsInput!) { sendSms(input: $input) { job { id } } }""",
        {"input": {"messages": documents.JOB["input"]["messages"], "regarding": "Delivery:1"}},
        headers=bearer(issuer.token(scope="sms:write")),
    )

    answer = await world.ask(
        "query ($id: ID!) { smsJob(id: $id) { jobId regarding { id } } }",
        {"id": sent.data["sendSms"]["job"]["id"]},
        headers=bearer(issuer.token(scope="sms:read")),
    )

    assert answer.codes == {"smsJob.regarding": "FORBIDDEN"}
    assert answer.json["data"]["smsJob"]["jobId"]
    assert world.deliveries.requests[:] == []


async def test_an_answer_kept_for_one_caller_is_not_given_to_another_of_fewer_scopes(issuer: Issuer) -> None:
    query = "{ deliveries(first: 1) { totalCount } smsApiVersion { majorVersion } }"
    async with running_world(settings_for(issuer)) as world:
        everything = await world.ask(query, headers=bearer(issuer.token(scope="deliveries:read sms:read")))

        less = await world.ask(query, headers=bearer(issuer.token(scope="deliveries:read")))
        nothing = await world.ask(query, headers=bearer(issuer.token(scope="")))

    assert everything.data["smsApiVersion"] is not None
    assert less.codes == {"smsApiVersion": "FORBIDDEN"}
    assert less.json["data"]["deliveries"] == everything.data["deliveries"]
    assert nothing.codes == {"deliveries": "FORBIDDEN", "smsApiVersion": "FORBIDDEN"}
    assert nothing.json["data"] == {"deliveries": None, "smsApiVersion": None}


async def test_nothing_may_be_followed_that_may_not_be_read(issuer: Issuer, world: World) -> None:
    ids = ["Delivery:1", "SmsJob:1", "Recipient:1/2", "LogisticsTask:1"]
    query = "subscription ($ids: [ID!]!) { statusChanged(ids: $ids) { node { id } problem { code subjectId } } }"

    response = await world.client.post(
        f"{world.url}/graphql",
        json={"query": query, "variables": {"ids": ids}},
        headers={**bearer(issuer.token(scope="deliveries:write sms:write logistics:write")), "accept": SSE},
    )

    told = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
    assert [one["data"]["statusChanged"] for one in told] == [
        {"node": None, "problem": {"code": "FORBIDDEN", "subjectId": one}} for one in ids
    ]
    assert world.requests == []
