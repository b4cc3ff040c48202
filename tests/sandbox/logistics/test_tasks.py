"""Reading, listing, updating, cancelling and broadcasting tasks."""

from typing import Any

import httpx
import pytest

from tests.sandbox.logistics.server import LogisticsServer, logistics_server, new_task

DETAIL_SAMPLE = {
    "server_time",
    "id",
    "tracking_id",
    "group_tag",
    "invoice_number",
    "from_address",
    "from_time_window",
    "from_contact",
    "to_address",
    "to_time_window",
    "to_contact",
    "distance_in_meters",
    "pickup_note_to_driver",
    "delivery_note_to_driver",
    "is_urgent",
    "price",
    "currency",
    "items",
    "cargo_net_quantity",
    "task_creation_group",
    "broadcast_preference",
    "client_time_utc",
    "client_timezone",
    "attachments",
    "org_transporter",
    "driver",
    "current_status",
    "statuses",
    "org_id",
    "platform_id",
    "vehicle_preference",
    "vehicle_emissions_type",
    "vehicle_emissions",
    "client",
    "updated_at",
    "epod",
}
"""The keys of the document's task sample."""


async def patch(api: LogisticsServer, task: dict[str, Any], **changes: object) -> httpx.Response:
    body = {"version_rev": task["version_rev"], **changes}
    return await api.http.patch(f"/platform/tasks/{task['id']}", json=body)


@pytest.mark.parametrize("path", ["/tasks", "/platform/tasks"])
@pytest.mark.parametrize("status", ["draft", "broadcasting", "complete"])
async def test_a_detail_has_the_keys_of_the_sample_and_a_revision(path: str, status: str) -> None:
    async with logistics_server() as api:
        task = (await api.tasks(status))[0]
        detail = (await api.http.get(f"{path}/{task['id']}")).json()

    assert detail.keys() == DETAIL_SAMPLE | {"version_rev"}
    assert detail["server_time"] == "2024-05-06T12:00:00Z"
    assert {**task, "server_time": detail["server_time"]} == detail


async def test_the_keys_inside_a_task_are_the_published_ones() -> None:
    async with logistics_server() as api:
        task = (await api.tasks("complete"))[0]

    assert task["from_address"].keys() == {
        "street_address",
        "city",
        "state",
        "country",
        "zip_code",
        "building_name",
        "latitude",
        "longitude",
        "altitude",
    }
    assert task["from_time_window"].keys() == {"start_time_utc", "start_timezone", "end_time_utc", "end_timezone"}
    assert task["to_contact"].keys() == {
        "name",
        "phone",
        "email",
        "vessel_id",
        "vessel_imo",
        "vessel_name",
        "lighter_boat_name",
        "lighter_company_name",
        "vehicle_name",
        "company_name",
        "berth_no",
    }
    assert task["driver"].keys() == {"id", "name"}
    assert task["statuses"][0].keys() == {"status", "action", "reason", "happened_at_utc", "saved_at_utc"}


async def test_pages_in_both_orders_hold_every_task_once() -> None:
    async with logistics_server() as api:
        pages = [(await api.http.get(f"/platform/tasks?page={page}&per_page=50")).json() for page in (1, 2, 3, 4)]
        descending = (await api.http.get("/platform/tasks?order=desc")).json()

    ids = [task["id"] for page in pages for task in page["tasks"]]
    assert [len(page["tasks"]) for page in pages] == [50, 50, 20, 0]
    assert pages[1]["meta"] == {"page": 2, "per_page": 50}
    assert len(set(ids)) == 120
    assert [task["id"] for task in descending["tasks"]] == ids[::-1]
    assert descending["meta"] == {"page": 1, "per_page": 200}


@pytest.mark.parametrize(
    "query", ["page=0", "per_page=0", "page=x", "page=-1", "per_page=99999999999999999999", "order=up"]
)
async def test_a_list_refuses_a_wrong_parameter(query: str) -> None:
    async with logistics_server() as api:
        answer = await api.http.get(f"/platform/tasks?{query}")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/tasks/unknown"),
        ("GET", "/platform/tasks/unknown"),
        ("PATCH", "/platform/tasks/unknown"),
        ("PATCH", "/tasks/unknown/cancel"),
        ("GET", "/nowhere"),
    ],
)
async def test_what_does_not_exist_is_404(method: str, path: str) -> None:
    async with logistics_server() as api:
        answer = await api.http.request(method, path, json={"version_rev": "0-00000000", "reason": "x"})

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_a_wrong_method_is_405() -> None:
    async with logistics_server() as api:
        answer = await api.http.delete("/platform/tasks")

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"


async def test_an_update_replaces_the_given_fields_and_moves_the_revision_on() -> None:
    async with logistics_server() as api:
        before = await api.create()
        answer = await patch(api, before, tracking_id="CHANGED", cargo_net_quantity=9, invoice_number=None)
        after = await api.task(before["id"])

    assert answer.status_code == 200
    assert answer.json() == after
    assert after["version_rev"].startswith("1-")
    expected = before | {"tracking_id": "CHANGED", "cargo_net_quantity": 9, "version_rev": after["version_rev"]}
    assert after == expected | {"server_time": "2024-05-06T12:00:00Z"}


async def test_a_stale_revision_is_a_conflict_and_changes_nothing() -> None:
    async with logistics_server() as api:
        task = await api.create()
        await patch(api, task, tracking_id="first")
        answer = await patch(api, task, tracking_id="second")
        after = await api.task(task["id"])

    assert answer.status_code == 409
    assert answer.json()["code"] == "version_conflict"
    assert after["tracking_id"] == "first"


async def test_a_change_of_status_makes_a_revision_stale() -> None:
    async with logistics_server() as api:
        task = (await api.tasks("pickup_arriving"))[0]
        api.clock.advance(3600)
        answer = await patch(api, task, tracking_id="late")

    assert answer.status_code == 409


async def test_an_update_needs_a_revision() -> None:
    async with logistics_server() as api:
        task = await api.create()
        answer = await api.http.patch(f"/platform/tasks/{task['id']}", json={"tracking_id": "x"})

    assert answer.status_code == 422
    assert answer.json()["message"].startswith("version_rev: ")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"items": []}, "items"),
        ({"attachments": [{"name": "photo"}]}, "attachments"),
        ({"driver": {"id": "x"}}, "driver"),
        ({"current_status": "complete"}, "current_status"),
        ({"cargo_net_quantity": -1}, "cargo_net_quantity"),
        ({"price": -1}, "price"),
        ({"total_item_weight": -0.5}, "total_item_weight"),
        ({"total_item_quantity": "many"}, "total_item_quantity"),
        ({"min_price": -1}, "min_price"),
        ({"broadcast_preference": "everyone"}, "broadcast_preference"),
        ({"vehicle_preference": "boat"}, "vehicle_preference"),
        ({"service_type": "van_2.4m"}, "service_type"),
        ({"epod": "signed"}, "epod"),
        ({"org_id": "none-of-ours"}, "org_id"),
        (
            {"from_time_window": {"start_time_utc": "2024-05-06T14:00:00Z", "end_time_utc": "2024-05-06T17:00:00Z"}},
            "from_time_window.end_time_utc",
        ),
    ],
)
async def test_an_update_that_breaks_a_rule_is_refused_and_changes_nothing(changes: dict[str, Any], path: str) -> None:
    async with logistics_server() as api:
        task = await api.create()
        answer = await patch(api, task, **changes)
        after = await api.task(task["id"])

    assert answer.status_code == 422
    assert answer.json()["message"].startswith(f"{path}: ")
    assert after["version_rev"] == task["version_rev"]


async def test_an_update_may_repeat_the_items_and_drop_the_price() -> None:
    async with logistics_server() as api:
        task = await api.create()
        answer = await patch(api, task, items=task["items"], currency="")

    assert answer.status_code == 200
    assert (answer.json()["price"], answer.json()["currency"]) == (0, "")


@pytest.mark.parametrize("status", ["pending_broadcast", "broadcasting"])
async def test_a_task_that_nobody_accepted_is_cancelled_for_good(status: str) -> None:
    async with logistics_server() as api:
        task = (await api.tasks(status))[0]
        answer = await api.http.patch(f"/tasks/{task['id']}/cancel", json={"reason": "Wrong information"})
        api.clock.advance(7 * 24 * 3600)
        after = await api.task(task["id"])

    assert answer.json() == {"message": "Successfully cancel the task"}
    assert after["current_status"] == "cancelled"
    assert after["statuses"][:-1] == task["statuses"]
    assert after["statuses"][-1] == {
        "status": "cancelled",
        "action": "merchant_cancelled",
        "reason": "Wrong information",
        "happened_at_utc": "2024-05-06T12:00:00Z",
        "saved_at_utc": "2024-05-06T12:00:00Z",
    }
    assert after["version_rev"] != task["version_rev"]


@pytest.mark.parametrize(
    "status", ["draft", "accepted", "pending_delivery", "complete", "cancelled", "expired", "unsuccessful_pickup"]
)
async def test_a_task_in_another_status_cannot_be_cancelled(status: str) -> None:
    async with logistics_server() as api:
        task = (await api.tasks(status))[0]
        answer = await api.http.patch(f"/tasks/{task['id']}/cancel", json={"reason": "Too late"})
        after = await api.task(task["id"])

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_status"
    assert after["current_status"] == status


@pytest.mark.parametrize("body", [{}, {"reason": " "}, {"reason": 1}])
async def test_a_cancellation_needs_a_reason(body: dict[str, Any]) -> None:
    async with logistics_server() as api:
        task = await api.create()
        answer = await api.http.patch(f"/tasks/{task['id']}/cancel", json=body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "validation_failed"


async def test_only_drafts_are_broadcast_and_each_once() -> None:
    async with logistics_server() as api:
        drafts = [task["id"] for task in await api.tasks("draft")][:2]
        complete = (await api.tasks("complete"))[0]["id"]
        body = {"task_ids": [drafts[0], complete, "unknown", drafts[1], drafts[0]]}
        first = (await api.http.post("/platform/tasks/broadcast", json=body)).json()
        second = (await api.http.post("/platform/tasks/broadcast", json=body)).json()

    assert first.keys() == {"updated_tasks", "server_time"}
    assert [task["id"] for task in first["updated_tasks"]] == drafts
    assert first["updated_tasks"][0].keys() == {"id", "current_status", "tracking_id"}
    assert {task["current_status"] for task in first["updated_tasks"]} == {"broadcasting"}
    assert second["updated_tasks"] == []


async def test_a_tracking_id_is_only_set_on_a_draft_that_was_really_broadcast() -> None:
    async with logistics_server() as api:
        draft = (await api.tasks("draft"))[0]["id"]
        complete = (await api.tasks("complete"))[0]
        pairs = [{"id": task_id, "tracking_id": "NEW"} for task_id in (draft, complete["id"], "unknown")]
        answer = await api.http.post("/platform/tasks/broadcast-with-tracking", json={"tasks": pairs})
        untouched = await api.task(complete["id"])

    assert answer.json()["updated_tasks"] == [{"id": draft, "current_status": "broadcasting", "tracking_id": "NEW"}]
    assert untouched["tracking_id"] == complete["tracking_id"]


async def test_tracking_ids_are_set_in_any_status_and_unknown_tasks_are_absent() -> None:
    async with logistics_server() as api:
        complete = (await api.tasks("complete"))[0]
        pairs = [{"id": "unknown", "tracking_id": "A"}, {"id": complete["id"], "tracking_id": "B"}]
        answer = await api.http.patch("/platform/tasks/tracking-ids", json={"tasks": pairs})
        after = await api.task(complete["id"])

    assert answer.json()["updated_tasks"] == [{"id": complete["id"], "current_status": "complete", "tracking_id": "B"}]
    assert after["tracking_id"] == "B"
    assert after["updated_at"] == "2024-05-06T12:00:00Z"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "broadcast", {}),
        ("POST", "broadcast", {"task_ids": [7]}),
        ("POST", "broadcast-with-tracking", {"tasks": [{"id": "x"}]}),
        ("PATCH", "tracking-ids", {"tasks": [{"tracking_id": "x"}]}),
    ],
)
async def test_a_batch_that_cannot_be_understood_is_refused(method: str, path: str, body: dict[str, Any]) -> None:
    async with logistics_server() as api:
        answer = await api.http.request(method, f"/platform/tasks/{path}", json=body)

    assert answer.status_code == 422


async def test_a_created_task_shows_what_was_sent() -> None:
    sent = new_task(pickup_note_to_driver="Gate 3", is_urgent=True, vehicle_preference="lorry_20ft")
    async with logistics_server() as api:
        created = await api.create(**sent)

    same = ["tracking_id", "price", "currency", "items", "pickup_note_to_driver", "is_urgent", "vehicle_preference"]
    assert {name: created[name] for name in same} == {name: sent[name] for name in same}
    assert created["to_address"]["zip_code"] == "018988"
    assert created["distance_in_meters"] > 0
    assert created["driver"] is None
