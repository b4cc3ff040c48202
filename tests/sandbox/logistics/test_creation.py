"""Creating tasks and drafts: the document's validations, limits and answers."""

from typing import Any

import pytest

from tests.sandbox.logistics.server import logistics_server, new_task

EARLY = {"start_time_utc": "2024-05-06T14:00:00Z", "end_time_utc": "2024-05-06T16:00:00Z"}
LATE = {"start_time_utc": "2024-05-06T16:00:00Z", "end_time_utc": "2024-05-06T20:00:00Z"}


async def test_the_partner_s_own_call_creates_and_broadcasts() -> None:
    async with logistics_server() as api:
        answer = await api.http.post("/tasks", json={"tasks": [new_task(), new_task(tracking_id="second")]})
        body = answer.json()
        read = await api.task(body["tasks"][1]["id"])

    assert answer.status_code == 201
    assert body.keys() == {"tasks", "server_time"}
    assert [task["current_status"] for task in body["tasks"]] == ["broadcasting", "broadcasting"]
    assert len({task["task_creation_group"] for task in body["tasks"]}) == 1
    assert read["tracking_id"] == "second"


async def test_the_platform_s_call_tells_how_many_tasks_it_created() -> None:
    async with logistics_server() as api:
        organization = (await api.http.get("/platform/organizations")).json()["organizations"][2]["id"]
        answer = await api.http.post("/platform/tasks", json={"tasks": [new_task(org_id=organization)]})

    body = answer.json()
    assert body.keys() == {"total_tasks", "tasks", "server_time"}
    assert body["total_tasks"] == 1
    assert body["tasks"][0]["org_id"] == organization


async def test_a_new_task_goes_to_the_end_of_the_list() -> None:
    async with logistics_server() as api:
        created = await api.create()
        newest = (await api.http.get("/platform/tasks", params={"order": "desc", "per_page": 1})).json()["tasks"]

    assert [task["id"] for task in newest] == [created["id"]]


async def test_a_draft_stays_a_draft() -> None:
    async with logistics_server() as api:
        answer = await api.http.post("/platform/tasks/draft", json={"tasks": [new_task()]})
        api.clock.advance(7 * 24 * 3600)
        read = await api.task(answer.json()["tasks"][0]["id"])

    assert answer.status_code == 201
    assert answer.json().keys() == {"total_tasks", "tasks", "server_time"}
    assert read["current_status"] == "draft"


@pytest.mark.parametrize("path", ["/tasks", "/platform/tasks", "/platform/tasks/draft"])
async def test_twenty_tasks_are_created_at_once_and_no_more(path: str) -> None:
    async with logistics_server() as api:
        twenty = await api.http.post(path, json={"tasks": [new_task()] * 20})
        more = await api.http.post(path, json={"tasks": [new_task()] * 21})
        stored = len(api.simulator.tasks)

    assert twenty.status_code == 201
    assert more.status_code == 422
    assert more.json()["code"] == "too_many_tasks"
    assert stored == 140


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"from_address": None}, "from_address"),
        ({"to_contact": None}, "to_contact"),
        ({"to_time_window": None}, "to_time_window"),
        ({"from_time_window": LATE | {"end_time_utc": "2024-05-06T15:00:00Z"}}, "from_time_window.start_time_utc"),
        ({"to_time_window": LATE | {"end_time_utc": "2024-05-06T15:59:59Z"}}, "to_time_window.start_time_utc"),
        ({"to_time_window": LATE | {"start_time_utc": "2024-05-06T15:59:59Z"}}, "from_time_window.end_time_utc"),
        (
            {"from_time_window": {"start_time_utc": "2024-05-06T11:00:00Z", "end_time_utc": "2024-05-06T12:00:00Z"}},
            "from_time_window.end_time_utc",
        ),
        ({"from_time_window": EARLY | {"end_time_utc": "2024-05-06T15:00:00"}}, "from_time_window.end_time_utc"),
        ({"from_time_window": EARLY | {"end_time_utc": "soon"}}, "from_time_window.end_time_utc"),
        ({"price": 199_999}, "price"),
        ({"price": -1}, "price"),
        ({"price": 2.5}, "price"),
        ({"price": True}, "price"),
        ({"currency": "Sgd"}, "currency"),
        ({"cargo_net_quantity": -1}, "cargo_net_quantity"),
        ({"items": [{"name": "Rope", "quantity": -2}]}, "items[0].quantity"),
        ({"items": "Rope"}, "items"),
        ({"broadcast_preference": "everyone"}, "broadcast_preference"),
        ({"vehicle_preference": "boat"}, "vehicle_preference"),
        ({"service_type": "car"}, "service_type"),
        ({"is_urgent": "yes"}, "is_urgent"),
        ({"from_address": {"latitude": "north"}}, "from_address.latitude"),
        ({"tracking_id": 7}, "tracking_id"),
        ({"org_id": "none-of-ours"}, "org_id"),
    ],
)
async def test_a_task_that_breaks_a_rule_is_refused_with_its_path(fields: dict[str, Any], path: str) -> None:
    async with logistics_server() as api:
        answer = await api.http.post("/platform/tasks", json={"tasks": [new_task(), new_task(**fields)]})
        stored = len(api.simulator.tasks)

    assert answer.status_code == 422
    assert answer.json()["code"] == "validation_failed"
    assert answer.json()["message"].startswith(f"tasks[1].{path}: ")
    assert stored == 120


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"price": 200_000, "currency": "SGD"}, (200_000, "SGD")),
        ({"price": 150_000, "currency": "USD"}, (150_000, "USD")),
        ({"price": 900_000, "currency": ""}, (0, "")),
        ({"price": 900_000, "currency": None}, (0, "")),
    ],
)
async def test_the_minimum_price_is_for_sgd_and_without_a_currency_there_is_none(
    given: dict[str, Any], kept: tuple[int, str]
) -> None:
    async with logistics_server() as api:
        created = await api.create(**given)

    assert (created["price"], created["currency"]) == kept


async def test_windows_may_touch_and_times_may_have_any_offset() -> None:
    window = {"start_time_utc": "2024-05-06T22:00:00+08:00", "end_time_utc": "2024-05-07T00:00:00+08:00"}
    async with logistics_server() as api:
        created = await api.create(from_time_window=window)

    assert created["from_time_window"] == {
        "start_time_utc": "2024-05-06T14:00:00Z",
        "start_timezone": "Asia/Singapore",
        "end_time_utc": "2024-05-06T16:00:00Z",
        "end_timezone": "Asia/Singapore",
    }


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"{}", 422), (b'{"tasks":[]}', 422), (b'{"tasks":[1]}', 422)],
)
async def test_a_body_that_holds_no_tasks_is_refused(content: bytes, status: int) -> None:
    async with logistics_server() as api:
        answer = await api.http.post("/platform/tasks", content=content)

    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message"}
