"""The simulated send-tasks API answers as its document says."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries import DeliveriesOptions, create_deliveries
from gateway.sandbox.deliveries_list import CommaList
from tests.sandbox.connection import connected

MEDIA_TYPE = "application/vnd.api+json"
TASKS = "/api/v1/send-tasks"
HEADERS = {"Authorization": "Bearer fixed", "Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
DEFAULTS = DeliveriesOptions(token="fixed")
START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)

Document = dict[str, Any]
Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def connect(clock: ManualClock) -> Connect:
    def connect_with(options: DeliveriesOptions = DEFAULTS) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return connected(create_deliveries(clock, options=options).app, HEADERS)

    return connect_with


@pytest.fixture
async def client(connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    async with connect() as connected:
        yield connected


def new_task(*, product: str = "1", kind: str = "update", deliverable: bool = True, channel: str = "1") -> Document:
    return {
        "data": {
            "type": "send-tasks",
            "attributes": {"deliverable": deliverable, "delivery-type": kind},
            "relationships": {
                "product": {"data": {"type": "products", "id": product}},
                "dsp-upload-identification": {"data": {"type": "dsp-upload-identifications", "id": channel}},
            },
        }
    }


def change(task_id: str, **attributes: str | bool) -> Document:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return {"data": {"type": "send-tasks", "id": task_id, "attributes": named}}


async def first_id(client: httpx.AsyncClient, status: str) -> str:
    found = (await client.get(TASKS, params={"filter[status]": status})).json()["data"]
    return str(found[0]["id"])


async def listed(client: httpx.AsyncClient, **filters: str) -> list[Any]:
    parameters = {f"filter[{name.replace('_', '-')}]": value for name, value in filters.items()}
    answer = await client.get(TASKS, params={**parameters, "page[size]": "100"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def test_a_page_has_the_members_of_the_documents_sample(client: httpx.AsyncClient) -> None:
    answer = await client.get(TASKS)

    document = answer.json()
    task = document["data"][0]
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert list(document) == ["data", "meta", "jsonapi", "links"]
    assert document["meta"] == {
        "page": {"currentPage": 1, "from": 1, "lastPage": 12, "perPage": 20, "to": 20, "total": 240}
    }
    assert document["jsonapi"] == {"version": "1.0"}
    assert document["links"]["first"].endswith("/api/v1/send-tasks?page[number]=1&page[size]=20")
    assert document["links"]["last"].endswith("/api/v1/send-tasks?page[number]=12&page[size]=20")
    assert list(task) == ["type", "id", "attributes", "relationships", "links"]
    assert list(task["attributes"]) == [
        "deliverable",
        "delivery-type",
        "status",
        "priority",
        "send-date",
        "batch-id",
        "ack-status-message",
        "sent-at",
        "packaged-by",
        "sent-by",
        "message-id",
        "sent-on",
        "created-by",
        "sent-on-behalf-of-name",
        "sent-on-behalf-of-dpid",
        "created-at",
        "updated-at",
    ]
    assert list(task["relationships"]) == ["product", "dsp-upload-identification"]
    assert set(task["relationships"]["product"]["links"]) == {"related", "self"}
    assert set(task["links"]) == {"self"}


async def test_one_task_is_answered_with_itself_as_link(client: httpx.AsyncClient) -> None:
    document = (await client.get(f"{TASKS}/7")).json()

    assert list(document) == ["data", "jsonapi", "links"]
    assert document["links"] == document["data"]["links"]
    assert document["links"]["self"].endswith("/api/v1/send-tasks/7")


async def test_the_same_seed_and_start_give_the_same_tasks(connect: Connect) -> None:
    async with connect() as first, connect() as second:
        attributes = [[task["attributes"] for task in await listed(client)] for client in (first, second)]

    assert attributes[0] == attributes[1]


async def test_every_status_of_the_document_occurs_within_minutes_of_the_start(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    clock.advance(60)

    counts = {
        status: len(await listed(client, status=status))
        for status in ("pending", "waiting", "procesing", "completed", "error")
    }

    assert all(counts.values()), counts


async def test_pages_cut_the_list_without_gap_or_overlap(client: httpx.AsyncClient) -> None:
    pages = [
        (await client.get(TASKS, params={"page[number]": str(number), "page[size]": "100"})).json()
        for number in (1, 2, 3, 4)
    ]

    ids = [task["id"] for page in pages for task in page["data"]]
    assert ids == [str(number) for number in range(1, 241)]
    assert set(pages[1]["links"]) == {"first", "last", "prev", "next"}
    assert pages[3]["meta"]["page"] == {
        "currentPage": 4,
        "from": 0,
        "lastPage": 3,
        "perPage": 100,
        "to": 0,
        "total": 240,
    }


async def test_a_page_larger_than_the_cap_is_cut_down(connect: Connect) -> None:
    async with connect(replace(DEFAULTS, max_page_size=50)) as client:
        page = (await client.get(TASKS, params={"page[size]": "100"})).json()

    assert len(page["data"]) == page["meta"]["page"]["perPage"] == 50


async def test_filters_are_plain_equality_and_combine(client: httpx.AsyncClient) -> None:
    task = (await client.get(f"{TASKS}/1")).json()["data"]["attributes"]
    product = (await client.get(f"{TASKS}/1/relationships/product")).json()["data"]["id"]
    channel = (await client.get(f"{TASKS}/1/relationships/dsp-upload-identification")).json()["data"]["id"]

    found = await listed(
        client,
        product_id=product,
        dsp_upload_identification_id=channel,
        delivery_type=task["delivery-type"],
        status=task["status"],
    )

    assert [found_task["id"] for found_task in found] == ["1"]


async def test_created_filters_take_in_both_days(client: httpx.AsyncClient) -> None:
    created_at = (await client.get(f"{TASKS}/100")).json()["data"]["attributes"]["created-at"]
    day = created_at[:10]

    found = await listed(client, created_at_gte=day, created_at_lte=day)

    assert "100" in [task["id"] for task in found]
    assert {task["attributes"]["created-at"][:10] for task in found} == {day}


@pytest.mark.parametrize(("comma_list", "expected"), [("ids", ["2", "5"]), ("ignore", ["5"])])
async def test_a_comma_list_of_ids_finds_all_or_the_first(
    connect: Connect, comma_list: CommaList, expected: list[str]
) -> None:
    async with connect(replace(DEFAULTS, comma_list=comma_list)) as client:
        found = await listed(client, id="5,2,9999")

    assert [task["id"] for task in found] == expected


async def test_a_comma_list_of_ids_can_be_refused(connect: Connect) -> None:
    async with connect(replace(DEFAULTS, comma_list="refuse")) as client:
        answer = await client.get(TASKS, params={"filter[id]": "1,2"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["title"] == "Invalid Query Parameter"


@pytest.mark.parametrize(
    ("parameter", "value", "family"),
    [
        ("include", "product", "include"),
        ("sort", "-created-at", "sort"),
        ("filter[colour]", "red", "filter"),
        ("filter[created-at-gte]", "yesterday", "filter"),
        ("page[size]", "0", "page"),
        ("page[cursor]", "x", "page"),
    ],
)
async def test_a_parameter_that_is_not_documented_is_refused(
    client: httpx.AsyncClient, parameter: str, value: str, family: str
) -> None:
    answer = await client.get(TASKS, params={parameter: value})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"] == {"parameter": family}


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic fixed"])
async def test_a_request_without_a_good_token_is_refused(client: httpx.AsyncClient, authorization: str) -> None:
    answer = await client.get(TASKS, headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.json()["errors"] == [{"detail": "Unauthenticated.", "status": "401", "title": "Unauthorized"}]


async def test_a_token_from_the_login_lets_in_until_it_expires(client: httpx.AsyncClient, clock: ManualClock) -> None:
    login = {"grant_type": "password", "email": "demo@example.com", "password": "sandbox-password"}
    granted = (await client.post("/oauth/token", json=login)).json()
    headers = {"Authorization": f"{granted['token_type']} {granted['access_token']}"}

    fresh = await client.get(TASKS, headers=headers)
    clock.advance(granted["expires_in"])
    expired = await client.get(TASKS, headers=headers)
    refreshed = await client.post(
        "/oauth/token", json={"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    )

    assert (fresh.status_code, expired.status_code, refreshed.status_code) == (200, 401, 200)


async def test_a_login_with_a_wrong_password_is_refused(client: httpx.AsyncClient) -> None:
    login = {"grant_type": "password", "email": "demo@example.com", "password": "guess"}

    answer = await client.post("/oauth/token", json=login)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


async def test_media_types_are_held_to(connect: Connect) -> None:
    async with connect() as strict, connect(replace(DEFAULTS, content_type_on_reads=False)) as lenient:
        unacceptable = await strict.get(TASKS, headers={"Accept": "application/json"})
        unsupported = await strict.post(TASKS, json=new_task(), headers={"Content-Type": "application/json"})
        del strict.headers["Content-Type"]
        del lenient.headers["Content-Type"]
        undeclared, allowed = await strict.get(TASKS), await lenient.get(TASKS)

    assert unacceptable.status_code == 406
    assert unsupported.status_code == undeclared.status_code == 415
    assert allowed.status_code == 200


async def test_an_unknown_task_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{TASKS}/9999")

    assert answer.status_code == 404
    assert answer.json() == {"jsonapi": {"version": "1.0"}, "errors": [{"status": "404", "title": "Not Found"}]}


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


async def test_related_resources_and_identifiers_agree(client: httpx.AsyncClient) -> None:
    task = (await client.get(f"{TASKS}/1")).json()["data"]
    for name, plural in (("product", "products"), ("dsp-upload-identification", "dsp-upload-identifications")):
        links = task["relationships"][name]["links"]
        identifier = (await client.get(links["self"])).json()
        resource = (await client.get(links["related"])).json()

        direct = await client.get(f"/api/v1/{plural}/{identifier['data']['id']}")

        assert identifier["links"] == links
        assert identifier["data"] == {"type": plural, "id": resource["data"]["id"]}
        assert direct.json()["data"] == resource["data"]


async def test_products_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    page = (await client.get("/api/v1/products", params={"page[number]": "3"})).json()

    assert page["meta"]["page"]["total"] == 60
    assert [product["id"] for product in page["data"]] == [str(number) for number in range(41, 61)]
    assert {product["attributes"]["status"] for product in page["data"]} == {"active", "draft"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/products/9999", 404),
        ("GET", "/api/v1/dsp-upload-identifications/x", 404),
        ("GET", "/api/v1/send-tasks/1/relationships/dsp", 404),
        ("GET", "/api/v2/send-tasks", 404),
        ("PUT", "/api/v1/send-tasks/1", 405),
    ],
)
async def test_other_paths_and_methods_are_refused_in_the_envelope(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["status"] == str(status)


async def test_errors_are_plain_json_for_who_does_not_ask_for_json_api(client: httpx.AsyncClient) -> None:
    answer = await client.get(TASKS, headers={"Accept": "*/*", "Authorization": ""})

    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthenticated."}
