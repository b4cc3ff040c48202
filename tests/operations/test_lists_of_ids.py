"""Deliveries by several ids are right however the upstream treats lists of them, and soon as cheap as they can be."""

import random
from typing import Final

import pytest

from resolvers.learned import RETRY_SECONDS
from resolvers.loading.delivery_batches import MAX_DELIVERY_BATCH, most_calls
from tests.operations.little_send_tasks import (
    TREATMENTS,
    WORDS,
    Asking,
    LittleSendTasks,
    Treatment,
    asking,
    first_alone,
    ignored,
    refused,
    spoilt_by_17,
    taken,
)

IDS: Final = (3, 1, 40, 99, 7, 2, 5, 12)


def listed(numbers: tuple[int, ...]) -> str:
    return "[" + ", ".join(f'"{number}"' for number in numbers) + "]"


async def pages(asked: Asking, filters: str, first: int) -> tuple[list[str], set[int]]:
    """All nodes over all pages, and the totals that were reported."""
    nodes: list[str] = []
    totals: set[int] = set()
    after = "null"
    while True:
        query = f"{{ deliveries(filter: {{ {filters} }}, first: {first}, after: {after}) "
        query += "{ totalCount nodes { sendTaskId } pageInfo { endCursor hasNextPage } } }"
        page = (await asked.ask(query))["deliveries"]
        nodes += [node["sendTaskId"] for node in page["nodes"]]
        totals.add(page["totalCount"])
        if not page["pageInfo"]["hasNextPage"]:
            return nodes, totals
        after = f'"{page["pageInfo"]["endCursor"]}"'


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("largest_page", [2, 200])
@pytest.mark.parametrize(("status", "word"), [("", None), (", status: COMPLETED", "completed")])
async def test_a_list_of_ids_is_right_over_pages_and_with_other_filters(
    treatment: Treatment, largest_page: int, status: str, word: str | None
) -> None:
    upstream = LittleSendTasks(treatment=treatment, largest_page=largest_page)
    there = [number for number in sorted(IDS) if number <= upstream.length]
    expected = [str(number) for number in there if word in {None, WORDS[number % 3]}]

    async with asking(upstream) as asked:
        for first in (3, 2, 20):
            nodes, totals = await pages(asked, f"ids: {listed(IDS)}{status}", first)

            assert nodes == expected
            assert totals == {len(expected)}


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("largest_page", [1, 7, 200])
async def test_nodes_are_right_and_cost_no_more_than_is_said(treatment: Treatment, largest_page: int) -> None:
    upstream = LittleSendTasks(120, treatment=treatment, largest_page=largest_page)
    wanted = [number + 1 for number in range(0, 130, 2)]
    ids = ", ".join(f'"Delivery:{number}"' for number in wanted)

    async with asking(upstream) as asked:
        for _ in range(3):
            data = await asked.ask(f"{{ nodes(ids: [{ids}]) {{ id }} }}")

            there = [{"id": f"Delivery:{number}"} if number <= 120 else None for number in wanted]
            assert data["nodes"] == there
            assert len(upstream.calls) <= most_calls(len(wanted))


async def test_an_upstream_that_takes_lists_is_asked_once_also_for_what_is_not_there() -> None:
    upstream = LittleSendTasks()

    async with asking(upstream) as asked:
        data = await asked.ask('{ nodes(ids: ["Delivery:1", "Delivery:2", "Delivery:98", "Delivery:99"]) { id } }')
        assert data["nodes"] == [{"id": "Delivery:1"}, {"id": "Delivery:2"}, None, None]
        assert upstream.calls == ["1,2,98,99"]

        await asked.ask(f"{{ deliveries(filter: {{ ids: {listed(IDS)}, status: ERROR }}) {{ nodes {{ id }} }} }}")
        assert upstream.calls == [",".join(str(number) for number in sorted(IDS))]


@pytest.mark.parametrize("treatment", [refused, ignored, first_alone])
async def test_an_upstream_that_does_not_take_lists_is_asked_singly_and_tried_again_later(treatment: Treatment) -> None:
    upstream = LittleSendTasks(treatment=treatment)
    query = '{ nodes(ids: ["Delivery:1", "Delivery:2", "Delivery:3", "Delivery:4"]) { id } }'

    async with asking(upstream) as asked:
        await asked.ask(query)
        await asked.ask(query)
        assert sorted(upstream.calls) == ["1", "2", "3", "4"]

        upstream.treatment = taken
        upstream.now += RETRY_SECONDS
        await asked.ask(query)
        assert upstream.calls == ["1,2,3,4"]


async def test_one_id_that_spoils_a_list_fails_alone_and_lists_go_on() -> None:
    upstream = LittleSendTasks(treatment=spoilt_by_17)
    ids = ", ".join(f'"Delivery:{number}"' for number in range(1, 41))

    async with asking(upstream) as asked:
        data, errors = await asked.ask_with_errors(f"{{ nodes(ids: [{ids}]) {{ id }} }}")

        assert errors == [["nodes", 16]]
        assert [node is None for node in data["nodes"]] == [number == 17 for number in range(1, 41)]
        assert len(upstream.calls) < 15

        await asked.ask('{ nodes(ids: ["Delivery:1", "Delivery:2"]) { id } }')
        assert upstream.calls == ["1,2"]


@pytest.mark.parametrize("numbers", [(17, 18), (16, 17, 18), (5, 17)])
async def test_an_id_that_spoils_a_short_list_does_not_end_lists(numbers: tuple[int, ...]) -> None:
    upstream = LittleSendTasks(treatment=spoilt_by_17)
    ids = ", ".join(f'"Delivery:{number}"' for number in numbers)

    async with asking(upstream) as asked:
        data, errors = await asked.ask_with_errors(f"{{ nodes(ids: [{ids}]) {{ id }} }}")
        assert errors == [["nodes", numbers.index(17)]]
        assert len(upstream.calls) <= most_calls(len(numbers))

        await asked.ask('{ nodes(ids: ["Delivery:1", "Delivery:2"]) { id } }')
        assert upstream.calls == ["1,2"]
    assert data["nodes"].count(None) == 1


async def test_more_ids_than_go_into_one_list_are_listed_in_several() -> None:
    upstream = LittleSendTasks(300)
    numbers = tuple(range(1, 2 * MAX_DELIVERY_BATCH + 2))

    async with asking(upstream) as asked:
        nodes, totals = await pages(asked, f"ids: {listed(numbers)}", 100)

    assert nodes == [str(number) for number in numbers]
    assert totals == {len(numbers)}
    assert len(upstream.calls) == 3


@pytest.mark.parametrize("learnt", [1, 2, 3, 10])
@pytest.mark.parametrize(
    ("field", "then"),
    [("nodes", one) for one in (*TREATMENTS, spoilt_by_17)] + [("deliveries", one) for one in TREATMENTS],
)
async def test_what_was_learnt_of_lists_never_makes_ids_dearer_than_is_said(
    field: str, learnt: int, then: Treatment
) -> None:
    upstream = LittleSendTasks(200, largest_page=learnt)
    chance = random.Random(learnt)  # noqa: S311 - a test's own, to be repeated
    async with asking(upstream) as asked:
        await asked.ask(f"{{ deliveries(filter: {{ ids: {listed(IDS)} }}) {{ totalCount }} }}")
        upstream.treatment = then
        for count, length in ((100, 200), (100, 0), (50, 60), (3, 0), (2, 0), (4, 60), (100, 100)):
            upstream.length = length
            numbers = tuple(chance.sample(range(1, 200), count))
            of_nodes = "[" + ", ".join(f'"Delivery:{number}"' for number in numbers) + "]"
            listing = f"deliveries(filter: {{ ids: {listed(numbers)} }}, first: 100) {{ nodes {{ sendTaskId }} }}"
            await asked.ask_with_errors(
                f"{{ nodes(ids: {of_nodes}) {{ id }} }}" if field == "nodes" else f"{{ {listing} }}"
            )

            assert len(upstream.calls) <= most_calls(count), (length, count)
            upstream.now += RETRY_SECONDS
