"""Reads of the simulated send-tasks API, as its document describes them."""

from dataclasses import replace

import httpx
import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.options import CommaList
from tests.sandbox.deliveries.requests import DEFAULTS, MEDIA_TYPE, TASKS, Connect, listed


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


async def test_links_between_pages_keep_the_filters(client: httpx.AsyncClient) -> None:
    filters = {"filter[created-at-gte]": "2020-01-01T00:00:00+00:00", "filter[id]": "1,2,3", "page[size]": "2"}

    first = (await client.get(TASKS, params=filters)).json()
    second = (await client.get(first["links"]["next"])).json()

    assert [task["id"] for page in (first, second) for task in page["data"]] == ["1", "2", "3"]
    assert second["links"]["prev"] == first["links"]["first"]
    assert "filter[id]=1%2C2%2C3&" in first["links"]["next"]


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


async def test_an_unknown_task_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{TASKS}/9999")

    assert answer.status_code == 404
    assert answer.json() == {"jsonapi": {"version": "1.0"}, "errors": [{"status": "404", "title": "Not Found"}]}


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
