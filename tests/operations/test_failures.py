"""One part failing leaves the rest of an answer whole."""

import time
from typing import Final

import pytest

from gateway.sandbox.faults import FaultSettings
from gateway.sandbox.simulator import Simulator
from tests.world import UNCACHED, Answer, World, running_world

EVERYTHING: Final = """{
  deliveries(first: 2) { nodes { id status } }
  smsJobs(first: 2) { nodes { jobId } }
  logisticsTasks(first: 2) { nodes { id status } }
}"""
UPSTREAM_OF: Final = {"deliveries": "DELIVERIES", "smsJobs": "SMS", "logisticsTasks": "LOGISTICS"}

FAULTS: Final = {
    "refused connection": (FaultSettings(outage="refuse"), "UPSTREAM_UNAVAILABLE"),
    "503": (FaultSettings(outage="503"), "UPSTREAM_UNAVAILABLE"),
    "500": (FaultSettings(error_rate=1), "UPSTREAM_UNAVAILABLE"),
    "too slow": (FaultSettings(latency_seconds=5), "UPSTREAM_TIMEOUT"),
    "429": (FaultSettings(rate_limited=True), "UPSTREAM_RATE_LIMITED"),
    "cut in mid-body": (FaultSettings(cut=True), "UPSTREAM_UNAVAILABLE"),
    "HTML": (FaultSettings(nonsense="html"), "UPSTREAM_BAD_ANSWER"),
    "cut-off JSON": (FaultSettings(nonsense="truncated"), "UPSTREAM_BAD_ANSWER"),
    "an empty object": (FaultSettings(nonsense="empty_object"), "UPSTREAM_BAD_ANSWER"),
    "a 200 with an error body": (FaultSettings(nonsense="error_in_200"), "UPSTREAM_BAD_ANSWER"),
}

IMPATIENT: Final = {
    **UNCACHED,
    "GATEWAY_DELIVERIES__TIMEOUT_SECONDS": "0.3",
    "GATEWAY_SMS__TIMEOUT_SECONDS": "0.3",
    "GATEWAY_LOGISTICS__TIMEOUT_SECONDS": "0.3",
    "GATEWAY_DEADLINE_SECONDS": "1",
}


def inflict(world: World, field: str, fault: FaultSettings) -> None:
    troubled: dict[str, list[Simulator]] = {
        "deliveries": [world.deliveries],
        "smsJobs": [world.sms.primary, world.sms.secondary],
        "logisticsTasks": [world.logistics],
    }
    for simulator in troubled[field]:
        simulator.faults.settings = fault


def assert_only(field: str, code: str, answer: Answer) -> None:
    data = answer.json["data"]
    assert answer.status == 200
    assert answer.codes == {field: code}
    assert answer.json["errors"][0]["extensions"]["upstream"] == UPSTREAM_OF[field]
    assert data[field] is None
    assert all(len(data[other]["nodes"]) == 2 for other in UPSTREAM_OF if other != field)


@pytest.mark.parametrize("field", UPSTREAM_OF)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failing_upstream_is_one_null_and_one_error_with_its_code(field: str, fault: str) -> None:
    async with running_world(IMPATIENT) as world:
        settings, code = FAULTS[fault]
        inflict(world, field, settings)

        answer = await world.ask(EVERYTHING)

        assert_only(field, code, answer)


@pytest.mark.parametrize("field", UPSTREAM_OF)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (FaultSettings(rate_limited=True, retry_after_seconds=15), "UPSTREAM_RATE_LIMITED"),
        (FaultSettings(outage="503", retry_after_seconds=15), "UPSTREAM_UNAVAILABLE"),
    ],
    ids=["429", "503"],
)
async def test_a_pause_longer_than_the_operation_has_is_told_at_once(
    field: str, fault: FaultSettings, code: str
) -> None:
    shared = {"GATEWAY_CACHE__COALESCE": "true", "GATEWAY_DEADLINE_SECONDS": "10"}
    async with running_world({**IMPATIENT, **shared}) as world:
        inflict(world, field, fault)
        began = time.monotonic()

        answer = await world.ask(EVERYTHING)

        assert_only(field, code, answer)
        assert 10 < answer.json["errors"][0]["extensions"]["retryAfter"] <= 16
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("field", "setting"),
    [
        ("deliveries", "GATEWAY_DELIVERIES__PASSWORD"),
        ("smsJobs", "GATEWAY_SMS__PASSWORD"),
        ("logisticsTasks", "GATEWAY_LOGISTICS__TOKEN"),
    ],
)
async def test_an_upstream_that_refuses_our_login_is_told_from_one_that_is_down(field: str, setting: str) -> None:
    async with running_world({**IMPATIENT, setting: "wrong-secret-value"}) as world:
        answer = await world.ask(EVERYTHING)

        assert_only(field, "UPSTREAM_AUTH", answer)
        assert "wrong-secret-value" not in str(answer.json)


async def test_an_upstream_that_no_setting_names_is_unconfigured_and_the_others_work() -> None:
    async with running_world(IMPATIENT, without="GATEWAY_LOGISTICS") as world:
        answer = await world.ask(EVERYTHING)
        states = await world.ask("{ upstreams { name state } }")

        assert_only("logisticsTasks", "UPSTREAM_UNCONFIGURED", answer)
        assert {"name": "LOGISTICS", "state": "UNCONFIGURED"} in states.data["upstreams"]


async def test_one_job_report_that_fails_leaves_what_the_list_knows_of_the_job(world: World) -> None:
    listed = await world.ask("{ smsJobs(first: 3) { nodes { jobId } } }")
    job_ids = [node["jobId"] for node in listed.data["smsJobs"]["nodes"]]
    world.sms.primary.faults.settings = FaultSettings(
        nonsense="truncated", only_path_prefix=f"/rest/v1/jobs/{job_ids[1]}"
    )

    answer = await world.ask("{ smsJobs(first: 3) { nodes { jobId source qos } } }")

    nodes = answer.json["data"]["smsJobs"]["nodes"]
    assert answer.codes == {"smsJobs.nodes.1.source": "UPSTREAM_BAD_ANSWER"}
    assert [node["jobId"] for node in nodes] == job_ids
    assert [node["source"] is None for node in nodes] == [False, True, False]


async def test_a_job_of_the_secondary_data_centre_is_found_while_the_primary_is_down(world: World) -> None:
    everywhere = await world.ask("{ smsJobs(first: 100) { nodes { jobId } } }")
    job_id = everywhere.data["smsJobs"]["nodes"][-1]["jobId"]
    world.sms.primary.faults.settings = FaultSettings(outage="503")

    answer = await world.ask(f'{{ smsJob(id: "{job_id}") {{ jobId qos recipientSummary {{ failed }} }} }}')

    assert answer.data["smsJob"]["jobId"] == job_id
    assert answer.data["smsJob"]["recipientSummary"] is not None


async def test_a_thing_that_does_not_exist_is_null_without_an_error(world: World) -> None:
    answer = await world.ask(
        '{ delivery(id: "99999999") { id } smsJob(id: "J.20200101-000000.000-000000000000000000") { id }'
        ' logisticsTask(id: "00000000-0000-4000-8000-000000000000") { id } node(id: "Delivery:99999999") { id }'
        ' organization(id: "00000000-0000-4000-8000-000000000000") { id } }'
    )

    assert set(answer.data.values()) == {None}
