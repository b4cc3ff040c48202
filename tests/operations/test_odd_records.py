"""One record that cannot be read harms no other: in pages, batches and lists of ids."""

from typing import Any

import pytest

from tests.operations.little_send_tasks import LittleSendTasks, Task, asking

BAD = 2


class OddSendTasks(LittleSendTasks):
    """Deliveries of which one has no status."""

    nameless = False

    def task(self, number: int) -> Task:
        task = super().task(number)
        if number == BAD:
            task["attributes"]["status"] = {}
            if self.nameless:
                del task["id"]
        return task


@pytest.mark.parametrize("nameless", [False, True])
async def test_a_page_has_all_deliveries_but_the_one_that_cannot_be_read(*, nameless: bool) -> None:
    upstream = OddSendTasks(length=3)
    upstream.nameless = nameless
    async with asking(upstream) as gateway:
        data, errors = await gateway.ask_with_errors("{ deliveries { totalCount nodes { id status } } }")

    assert [node and node["id"] for node in data["deliveries"]["nodes"]] == ["Delivery:1", None, "Delivery:3"]
    assert data["deliveries"]["totalCount"] == 3
    assert errors == [["deliveries", "nodes", BAD - 1]]
    assert upstream.calls == ["all"]


@pytest.mark.parametrize("nameless", [False, True])
async def test_an_edge_keeps_its_cursor_and_the_page_behind_it_is_right(*, nameless: bool) -> None:
    upstream = OddSendTasks(length=4)
    upstream.nameless = nameless
    async with asking(upstream) as gateway:
        data, errors = await gateway.ask_with_errors("{ deliveries(first: 2) { edges { cursor node { id } } } }")
        cursor = data["deliveries"]["edges"][1]["cursor"]
        rest = await gateway.ask(f'{{ deliveries(first: 2, after: "{cursor}") {{ nodes {{ id }} }} }}')

    assert data["deliveries"]["edges"][1]["node"] is None
    assert errors == [["deliveries", "edges", 1, "node"]]
    assert [node["id"] for node in rest["deliveries"]["nodes"]] == ["Delivery:3", "Delivery:4"]


async def test_a_batch_falls_back_to_the_record_that_cannot_be_read() -> None:
    upstream = OddSendTasks(length=3)
    async with asking(upstream) as gateway:
        data, errors = await gateway.ask_with_errors(
            '{ nodes(ids: ["Delivery:1", "Delivery:2", "Delivery:3"]) { id } }'
        )

    assert [node and node["id"] for node in data["nodes"]] == ["Delivery:1", None, "Delivery:3"]
    assert errors == [["nodes", 1]]
    assert upstream.calls == ["1,2,3", "2"]


async def test_a_list_of_ids_has_the_others() -> None:
    async with asking(OddSendTasks(length=3)) as gateway:
        data, errors = await gateway.ask_with_errors('{ deliveries(filter: {ids: ["1", "2", "3"]}) { nodes { id } } }')

    assert sorted(str(node and node["id"]) for node in data["deliveries"]["nodes"]) == [
        "Delivery:1",
        "Delivery:3",
        "None",
    ]
    assert len(errors) == 1


class UndatedSendTasks(LittleSendTasks):
    """Deliveries of which one was created at an unknown time."""

    def task(self, number: int) -> Task:
        task = super().task(number)
        if number == BAD:
            task["attributes"]["created-at"] = None
        return task


async def test_a_date_that_is_missing_is_missed_where_it_is_asked_for() -> None:
    async with asking(UndatedSendTasks(length=3)) as gateway:
        whole: Any = await gateway.ask("{ deliveries { nodes { id updatedAt } } }")
        data, errors = await gateway.ask_with_errors("{ deliveries { nodes { id createdAt } } }")

    assert len(whole["deliveries"]["nodes"]) == 3
    assert [node and node["id"] for node in data["deliveries"]["nodes"]] == ["Delivery:1", None, "Delivery:3"]
    assert errors == [["deliveries", "nodes", 1, "createdAt"]]
