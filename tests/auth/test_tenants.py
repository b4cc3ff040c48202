"""Two tenants on one gateway, each with upstream accounts of its own: neither reads what is the other's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.logistics.simulator import create_logistics
from gateway.sandbox.options import DeliveriesOptions, LogisticsOptions, SmsOptions
from gateway.sandbox.server import serving
from gateway.sandbox.sms.simulator import create_sms
from tests.world import Answer, World, running_world

JOB = {"messages": [{"text": "Hello", "recipients": [{"destination": "+4989123"}]}]}
SEND = "mutation ($input: SendSmsInput!) { sendSms(input: $input) { job { id regarding { id } } errors { message } } }"
OWN, ACME = {"x-api-key": "key of the house"}, {"x-api-key": "key of acme"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A gateway whose tenant `acme` has upstreams of another seed; caches and sharing are on."""
    clock = ManualClock(datetime.now(UTC))
    async with AsyncExitStack() as stack:
        deliveries = await stack.enter_async_context(serving(create_deliveries(clock, seed=2).app))
        sms = await stack.enter_async_context(serving(create_sms(clock, seed=2).primary.app))
        logistics = await stack.enter_async_context(serving(create_logistics(clock, seed=2).app))
        yield await stack.enter_async_context(running_world(settings(deliveries, sms, logistics), clock=clock))


def settings(deliveries: str, sms: str, logistics: str) -> dict[str, str]:
    account = "GATEWAY_ACCOUNTS__ACME__"
    return {
        "GATEWAY_AUTH__ANONYMOUS": "false",
        "GATEWAY_AUTH__API_KEYS__HOUSE": sha256(OWN["x-api-key"].encode()).hexdigest(),
        "GATEWAY_AUTH__API_KEYS__ACME": sha256(ACME["x-api-key"].encode()).hexdigest(),
        "GATEWAY_AUTH__API_KEY_ACCOUNT__ACME": "acme",
        f"{account}DELIVERIES__URL": f"{deliveries}/api/v1",
        f"{account}DELIVERIES__EMAIL": DeliveriesOptions().email,
        f"{account}DELIVERIES__PASSWORD": DeliveriesOptions().password,
        f"{account}SMS__URLS": f"{sms}/rest/v1",
        f"{account}SMS__USERNAME": SmsOptions().username,
        f"{account}SMS__PASSWORD": SmsOptions().password,
        f"{account}LOGISTICS__URL": logistics,
        f"{account}LOGISTICS__TOKEN": LogisticsOptions().token,
    }


async def tasks(world: World, caller: dict[str, str], after: str | None = None) -> dict[str, Any]:
    query = "query ($after: String) { logisticsTasks(first: 3, after: $after) { nodes { id } edges { cursor } } }"
    found: dict[str, Any] = (await world.ask(query, {"after": after}, headers=caller)).data["logisticsTasks"]
    return found


async def node(world: World, caller: dict[str, str], global_id: str) -> Answer:
    return await world.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": global_id}, headers=caller)


async def test_an_id_of_another_tenant_names_nothing(world: World) -> None:
    own = [one["id"] for one in (await tasks(world, OWN))["nodes"]]
    await node(world, OWN, own[0])

    answers = [await node(world, ACME, one) for one in own]
    served = await node(world, OWN, own[0])

    assert [answer.data for answer in answers] == [{"node": None}] * len(own)
    assert served.data == {"node": {"id": own[0]}}


async def test_the_same_operation_at_the_same_time_is_shared_within_a_tenant_alone(world: World) -> None:
    own, acme, again = await asyncio.gather(tasks(world, OWN), tasks(world, ACME), tasks(world, OWN))

    assert own == again
    assert {one["id"] for one in own["nodes"]}.isdisjoint(one["id"] for one in acme["nodes"])


async def test_a_cursor_of_another_tenant_leads_into_the_asker_s_own_list(world: World) -> None:
    acme = await tasks(world, ACME)
    own = await tasks(world, OWN)

    crossed = await tasks(world, ACME, after=own["edges"][0]["cursor"])

    assert crossed["nodes"][:2] == acme["nodes"][1:]
    assert {one["id"] for one in crossed["nodes"]}.isdisjoint(one["id"] for one in own["nodes"])


async def test_a_made_up_reference_does_not_reach_another_tenant_s_record(world: World) -> None:
    own_task = (await tasks(world, OWN))["nodes"][0]["id"]
    await node(world, OWN, own_task)

    by_acme = await world.ask(SEND, {"input": {**JOB, "regarding": own_task}}, headers=ACME)
    by_owner = await world.ask(SEND, {"input": {**JOB, "regarding": own_task}}, headers=OWN)

    assert by_acme.data["sendSms"]["job"]["regarding"] is None
    assert by_owner.data["sendSms"]["job"]["regarding"] == {"id": own_task}


async def test_a_job_and_its_recipients_are_their_tenant_s_alone(world: World) -> None:
    sent = await world.ask(SEND, {"input": JOB}, headers=OWN)
    job_id = sent.data["sendSms"]["job"]["id"]
    query = "query ($id: ID!) { smsJob(id: $id) { id } recipients(jobId: $id) { totalCount } }"

    own = await world.ask(query, {"id": job_id}, headers=OWN)
    acme = await world.ask(query, {"id": job_id}, headers=ACME)

    assert own.data == {"smsJob": {"id": job_id}, "recipients": {"totalCount": 1}}
    assert acme.data == {"smsJob": None, "recipients": None}


async def test_a_task_of_another_tenant_cannot_be_changed(world: World) -> None:
    own_task = (await tasks(world, OWN))["nodes"][0]["id"]

    answer = await world.ask(
        'mutation ($id: ID!) { cancelLogisticsTask(id: $id, reason: "r") { task { id } errors { __typename } } }',
        {"id": own_task},
        headers=ACME,
    )

    assert answer.data == {"cancelLogisticsTask": {"task": None, "errors": [{"__typename": "NotFound"}]}}


async def test_a_tenant_without_an_upstream_does_not_get_the_gateway_s_own(world: World) -> None:
    answer = await world.ask("{ partner { name } }", headers=ACME)

    assert answer.codes == {"partner": "UPSTREAM_UNCONFIGURED"}


async def follow(world: World, caller: dict[str, str], global_id: str, after: str | None = None) -> list[Any]:
    """All that a subscription to one thing says that ends by itself."""
    query = """subscription ($ids: [ID!]!, $after: String) {
        statusChanged(ids: $ids, after: $after) { cursor node { id } problem { code } }
    }"""
    response = await world.client.post(
        f"{world.url}/graphql",
        json={"query": query, "variables": {"ids": [global_id], "after": after}},
        headers={**caller, "accept": "text/event-stream"},
    )
    lines = (line.removeprefix("data: ") for line in response.text.splitlines())
    return [json.loads(line) for line in lines if line.startswith("{")]


async def final_task(world: World, caller: dict[str, str]) -> str:
    page = "{ logisticsTasks(first: 50) { nodes { id final } } }"
    nodes = (await world.ask(page, headers=caller)).data["logisticsTasks"]["nodes"]
    found: str = next(one["id"] for one in nodes if one["final"])
    return found


async def test_what_another_tenant_has_cannot_be_followed_even_while_its_owner_does(world: World) -> None:
    own_task = await final_task(world, OWN)

    owner, stranger = await asyncio.gather(follow(world, OWN, own_task), follow(world, ACME, own_task))

    assert owner[0]["data"]["statusChanged"]["node"] == {"id": own_task}
    told = [one["data"]["statusChanged"] for one in stranger]
    assert [(one["node"], one["problem"]) for one in told] == [(None, {"code": "NOT_FOUND"})]


async def test_a_cursor_of_another_tenant_s_events_is_refused(world: World) -> None:
    own_task, acme_task = await final_task(world, OWN), await final_task(world, ACME)
    cursor = (await follow(world, OWN, own_task))[0]["data"]["statusChanged"]["cursor"]

    crossed = [await follow(world, ACME, one, after=cursor) for one in (own_task, acme_task)]

    assert [answer[0]["errors"][0]["extensions"]["code"] for answer in crossed] == ["BAD_INPUT"] * 2
    assert [len(answer) for answer in crossed] == [1, 1]


@pytest.mark.parametrize(("own", "acme"), [("16777216", "1024"), ("1024", "16777216")])
async def test_tenants_at_one_address_keep_limits_of_their_own(own: str, acme: str) -> None:
    shared_address = {
        **{name: value for name, value in settings("", "", "").items() if "_AUTH__" in name},
        "GATEWAY_ACCOUNTS__ACME__LOGISTICS__TOKEN": LogisticsOptions().token,
        "GATEWAY_ACCOUNTS__ACME__LOGISTICS__MAX_ANSWER_BYTES": acme,
        "GATEWAY_LOGISTICS__MAX_ANSWER_BYTES": own,
    }
    async with running_world(shared_address) as world:
        answers = {
            own: await world.ask("{ logisticsTasks(first: 20) { nodes { id } } }", headers=OWN),
            acme: await world.ask("{ logisticsTasks(first: 20) { nodes { id } } }", headers=ACME),
        }

    assert answers["16777216"].codes == {}
    assert answers["1024"].codes == {"logisticsTasks": "UPSTREAM_BAD_ANSWER"}
