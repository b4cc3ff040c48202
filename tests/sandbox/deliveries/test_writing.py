"""Writes to the simulated send-tasks API, and its tasks over time."""

import httpx
import pytest

from gateway.sandbox.clock import ManualClock
from tests.sandbox.deliveries.requests import TASKS, Document, change, first_id, new_task


async def test_a_deliverable_task_goes_from_waiting_to_its_outcome(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    created = await client.post(TASKS, json=new_task(product="10", kind="delete"))
    task = created.json()["data"]
    url = f"{TASKS}/{task['id']}"
    seen = [task["attributes"]]
    for _ in range(40):
        clock.advance(10)
        seen.append((await client.get(url)).json()["data"]["attributes"])

    statuses = list(dict.fromkeys(attributes["status"] for attributes in seen))
    unsent, final = seen[0], seen[-1]
    assert created.status_code == 201
    assert statuses[:2] == ["waiting", "procesing"]
    assert statuses[2:] in (["completed"], ["error"])
    assert unsent["send-date"] is unsent["batch-id"] is unsent["message-id"] is unsent["created-by"] is None
    assert len(unsent["sent-on"]) == 36
    assert len(final["sent-on"]) == 17
    assert final["ack-status-message"]
    assert final["updated-at"] > final["created-at"] == unsent["created-at"]


async def test_a_held_task_stays_pending_until_it_is_deliverable(client: httpx.AsyncClient, clock: ManualClock) -> None:
    created = await client.post(TASKS, json=new_task(product="10", kind="delete", deliverable=False))
    task_id = created.json()["data"]["id"]
    clock.advance(86_400)
    held = await client.get(f"{TASKS}/{task_id}")

    released = await client.patch(f"{TASKS}/{task_id}", json=change(task_id, deliverable=True))

    assert held.json()["data"]["attributes"]["status"] == "pending"
    assert released.json()["data"]["attributes"]["status"] == "waiting"


async def test_a_queued_task_can_be_held_back(client: httpx.AsyncClient, clock: ManualClock) -> None:
    task_id = await first_id(client, "pending")

    held = await client.patch(f"{TASKS}/{task_id}", json=change(task_id, deliverable=False))
    clock.advance(86_400)
    later = await client.get(f"{TASKS}/{task_id}")

    assert held.status_code == 200
    assert later.json()["data"]["attributes"]["status"] == "pending"
    assert later.json()["data"]["attributes"]["deliverable"] is False


async def test_a_draft_product_can_only_be_deleted(client: httpx.AsyncClient) -> None:
    refused = await client.post(TASKS, json=new_task(product="10", kind="delivery"))
    taken_down = await client.post(TASKS, json=new_task(product="10", kind="delete"))

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["source"] == {"pointer": "/data/relationships/product"}
    assert taken_down.status_code == 201


async def test_a_second_task_waits_until_the_first_is_finished(client: httpx.AsyncClient, clock: ManualClock) -> None:
    clock.advance(3600)
    body = new_task(product="10", kind="delete", channel="2")
    first = await client.post(TASKS, json=body)

    second = await client.post(TASKS, json=body)
    elsewhere = await client.post(TASKS, json=new_task(product="10", kind="delete", channel="3"))
    # Longer than the longest course, which takes six minutes.
    clock.advance(600)
    third = await client.post(TASKS, json=body)

    assert [answer.status_code for answer in (first, second, elsewhere, third)] == [201, 422, 201, 201]
    assert second.json()["errors"][0]["source"]["pointer"] == "/data/relationships/dsp-upload-identification"


async def test_every_missing_field_is_named_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.post(TASKS, json={"data": {"type": "send-tasks", "attributes": {"delivery-type": "gift"}}})

    assert answer.status_code == 422
    assert [(error["source"]["pointer"], error["detail"]) for error in answer.json()["errors"]] == [
        ("/data/attributes/deliverable", "The deliverable field is required."),
        ("/data/attributes/delivery-type", "The selected delivery-type is invalid."),
        ("/data/relationships/product", "The product field is required."),
        ("/data/relationships/dsp-upload-identification", "The dsp-upload-identification field is required."),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"data":{}}', 400),
        (b'{"data":{"type":"products"}}', 409),
        (b'{"data":{"type":"send-tasks","id":"1"}}', 403),
    ],
)
async def test_a_body_that_is_no_new_send_task_is_refused(client: httpx.AsyncClient, body: bytes, status: int) -> None:
    answer = await client.post(TASKS, content=body)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["status"] == str(status)


async def test_an_unknown_product_is_a_missing_related_resource(client: httpx.AsyncClient) -> None:
    answer = await client.post(TASKS, json=new_task(product="9999"))

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["source"] == {"pointer": "/data/relationships/product"}


async def test_a_patch_keeps_what_it_leaves_out(client: httpx.AsyncClient) -> None:
    task_id = await first_id(client, "error")
    before = (await client.get(f"{TASKS}/{task_id}")).json()["data"]["attributes"]

    after = await client.patch(f"{TASKS}/{task_id}", json=change(task_id, deliverable=False))

    changed = after.json()["data"]["attributes"]
    assert after.status_code == 200
    assert {name for name in before if before[name] != changed[name]} == {"deliverable", "updated-at"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (change("2", deliverable=False), 409),
        ({"data": {"type": "send-tasks", "attributes": {}}}, 400),
        (change("1", status="processing"), 422),
        (change("1", delivery_type="gift"), 422),
        (change("1", deliverable="yes"), 422),
    ],
)
async def test_a_patch_against_the_rules_is_refused(client: httpx.AsyncClient, body: Document, status: int) -> None:
    answer = await client.patch(f"{TASKS}/1", json=body)

    assert answer.status_code == status


async def test_a_completed_task_keeps_its_status(client: httpx.AsyncClient) -> None:
    task_id = await first_id(client, "completed")

    answer = await client.patch(f"{TASKS}/{task_id}", json=change(task_id, status="waiting"))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["source"] == {"pointer": "/data/attributes/status"}


async def test_a_failed_task_can_be_sent_again(client: httpx.AsyncClient, clock: ManualClock) -> None:
    task_id = await first_id(client, "error")

    answer = await client.patch(f"{TASKS}/{task_id}", json=change(task_id, status="waiting"))
    clock.advance(600)
    later = await client.get(f"{TASKS}/{task_id}")

    assert answer.json()["data"]["attributes"]["status"] == "waiting"
    assert later.json()["data"]["attributes"]["status"] in ("completed", "error")


async def test_no_task_can_be_deleted(client: httpx.AsyncClient) -> None:
    answers = [await client.delete(f"{TASKS}/{task_id}") for task_id in ("1", "9999")]

    assert [answer.status_code for answer in answers] == [422, 422]


async def test_a_status_that_a_client_sets_stands(client: httpx.AsyncClient, clock: ManualClock) -> None:
    task_id = await first_id(client, "waiting")

    await client.patch(f"{TASKS}/{task_id}", json=change(task_id, status="error"))
    clock.advance(600)
    later = await client.get(f"{TASKS}/{task_id}")

    assert later.json()["data"]["attributes"]["status"] == "error"
