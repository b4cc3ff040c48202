"""What an explained response says beside its calls' outcomes: when things began, what they waited for, and the cost."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.cache.test_through_the_gateway import EXPLAIN
from tests.world import UNCACHED, Answer, World, running_world

PRODUCTS: Final = (
    "{ list: deliveries(first: 4) { nodes { sendTaskId product { name } } } smsApiVersion { majorVersion } }"
)
BY_ID: Final = "{ a: delivery(id: 1) { id } b: delivery(id: 2) { id } c: delivery(id: 3) { product { name } } }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(UNCACHED) as running:
        yield running


async def explained(world: World, query: str) -> dict[str, Any]:
    return told(await world.ask(query, headers=EXPLAIN))


def told(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = answer.json["extensions"]["gateway"]
    return found


def by_path(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {".".join(field["path"]): field for field in found["fields"]}


async def test_a_call_has_its_operation_its_begin_and_its_phases(world: World) -> None:
    found = await explained(world, PRODUCTS)

    calls = {call["operation"]: call for call in found["calls"]}
    assert calls.keys() == {"deliveries", "product_of", "version"}
    for call in found["calls"]:
        assert call["startMilliseconds"] >= 0
        assert {phase["phase"] for phase in call["phases"]} <= {"pacing", "queue", "connect", "wire", "pause"}
        assert sum(phase["milliseconds"] for phase in call["phases"]) <= call["milliseconds"] + 0.01
        assert call["phases"][-1]["phase"] == "wire"
    assert "connect" in {phase["phase"] for phase in calls["version"]["phases"]}
    ended = calls["deliveries"]["startMilliseconds"] + calls["deliveries"]["milliseconds"]
    assert calls["product_of"]["startMilliseconds"] >= ended


async def test_fields_that_waited_have_their_paths_without_the_indexes_of_lists(world: World) -> None:
    fields = by_path(await explained(world, PRODUCTS))

    assert {path: field["count"] for path, field in fields.items()} == {
        "list": 1,
        "list.nodes.product": 4,
        "smsApiVersion": 1,
    }
    first = fields["list"]
    assert fields["list.nodes.product"]["startMilliseconds"] >= first["startMilliseconds"] + first["milliseconds"]


async def test_a_batch_says_how_many_records_it_was_for(world: World) -> None:
    found = await explained(world, BY_ID)

    (batch,) = [call for call in found["calls"] if call["operation"] == "deliveries_by_id"]
    assert batch["records"] == 3
    assert all("records" not in call for call in found["calls"] if call is not batch)


async def test_the_cost_is_what_was_estimated_and_what_was_used() -> None:
    async with running_world() as world:
        cold, warm = await explained(world, PRODUCTS), await explained(world, PRODUCTS)
        plan = told(await world.ask(PRODUCTS, headers={"X-Gateway-Explain": "plan"}))["plan"]

    assert cold["cost"] == {
        "estimate": plan["estimate"],
        "calls": len(cold["calls"]),
        "nodes": plan["nodes"]["estimate"],
    }
    assert warm["cost"]["calls"] < cold["cost"]["calls"]
    hits = [call for call in warm["calls"] if call["cache"] == "hit"]
    assert hits
    assert all(call["phases"] == [] for call in hits)


async def test_a_pause_before_a_retry_names_the_status_that_it_follows(world: World) -> None:
    found = told(
        await asked_while_down(world, "{ list: deliveries(first: 1) { nodes { id } } smsApiVersion { majorVersion } }")
    )

    (call,) = [call for call in found["calls"] if call["operation"] == "deliveries"]
    phases = [phase["phase"] for phase in call["phases"] if phase["phase"] != "connect"]
    assert phases == ["wire", "pause", "wire", "pause", "wire"]
    assert [phase["status"] for phase in call["phases"] if phase["phase"] == "pause"] == [503, 503]
    assert found["cost"]["calls"] == 4


async def test_the_fields_of_a_failed_operation_are_those_of_its_first_execution(world: World) -> None:
    answer = await asked_while_down(world, "{ list: deliveries(first: 1) { nodes { id } } }")

    assert answer.codes == {"list": "UPSTREAM_UNAVAILABLE"}
    (field,) = told(answer)["fields"]
    (call,) = told(answer)["calls"]
    assert (field["path"], field["count"]) == (["list"], 1)
    assert field["milliseconds"] == pytest.approx(call["milliseconds"], abs=20)


async def asked_while_down(world: World, query: str) -> Answer:
    # Logged in before, since a login is no call of an operation.
    await world.ask("{ deliveries(first: 1) { nodes { id } } }")
    faults = f"{world.urls.deliveries}/_sandbox/faults"
    await world.client.put(faults, json={"outage": "503"})
    try:
        return await world.ask(query, headers=EXPLAIN)
    finally:
        await world.client.delete(faults)


async def test_the_fields_of_a_mutation_wait_as_well(world: World) -> None:
    found = await explained(
        world,
        'mutation { changed: updateDelivery(id: "2", input: {deliverable: true}) { delivery { product { name } } } }',
    )

    assert list(by_path(found)) == ["changed", "changed.delivery.product"]


async def test_others_get_nothing_of_it(world: World) -> None:
    assert "extensions" not in (await world.ask(PRODUCTS)).json
