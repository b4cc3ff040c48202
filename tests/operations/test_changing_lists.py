"""Lists that change between two pages, against a model: nothing that stays is hidden, and nothing is repeated."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.sandbox.server import serving
from resolvers.connections import Connection, PageRequest, offset_of
from resolvers.errors import UpstreamBadAnswer
from resolvers.numbered_pages import NumberedList
from resolvers.served_pages import MAX_RESIZES
from resolvers.trails import MARKED
from resolvers.upstreams.names import UpstreamName
from tests.world import UNCACHED, World, running_world

MOST_CHANGES: Final = 8
"""Between two pages; far below the room that is looked through."""

MOST_CHANGING_PAGES: Final = 12
"""Behind which the list stands still, so that it ends."""

MOST_CALLS_WHERE_CHANGED: Final = 4
"""The page, its two neighbours, and one more to fill the window."""


@dataclass
class Page:
    records: list[str]
    per_page: int | None
    total: int | None


@dataclass
class Upstream:
    """A list that a test changes; lifetime: one reading to its end.

    Args:
        records: As they stand now.
        counts: Whether it reports the length of the list.
        cap: The largest page that it serves.
        asked: Numbers and sizes of the pages of one window.
    """

    records: list[str]
    counts: bool = False
    cap: int = 1000
    asked: list[tuple[int, int]] = field(default_factory=list)
    caps: dict[UpstreamName, int] = field(default_factory=dict)

    async def read_page(self, number: int, per_page: int) -> Page:
        self.asked.append((number, per_page))
        size = min(per_page, self.cap)
        served = self.records[(number - 1) * size : number * size]
        return Page(served, size, len(self.records) if self.counts else None)

    async def window(self, after: str | None, size: int, *, look_further: bool) -> Connection[str]:
        return await self.page(PageRequest(size, after), look_further=look_further)

    async def page(self, request: PageRequest, *, against: bool = False, look_further: bool = False) -> Connection[str]:
        self.asked.clear()
        listed = NumberedList(UpstreamName.LOGISTICS, "changing", self.read_page, lambda one: one, self.caps)
        place = offset_of("changing", request)
        return await listed.page(request, place, against=against, look_further=look_further)


Change = Callable[[Upstream, random.Random], None]


def at_the_front(upstream: Upstream, chance: random.Random) -> None:
    """As new records come in a list whose order is descending."""
    for _ in range(chance.randrange(MOST_CHANGES)):
        upstream.records.insert(0, f"new {chance.random()}")


def at_the_end(upstream: Upstream, chance: random.Random) -> None:
    """As they come in one whose order is ascending."""
    upstream.records += [f"new {chance.random()}" for _ in range(chance.randrange(MOST_CHANGES))]


def leaving(upstream: Upstream, chance: random.Random) -> None:
    """As records leave a list that a filter narrows."""
    for _ in range(chance.randrange(min(MOST_CHANGES, len(upstream.records) + 1))):
        upstream.records.pop(chance.randrange(len(upstream.records)))


def anywhere(upstream: Upstream, chance: random.Random) -> None:
    for _ in range(chance.randrange(MOST_CHANGES)):
        if upstream.records and chance.random() < 0.5:
            upstream.records.pop(chance.randrange(len(upstream.records)))
        else:
            upstream.records.insert(chance.randrange(len(upstream.records) + 1), f"new {chance.random()}")


async def read_to_the_end(
    upstream: Upstream, size: int, change: Change, chance: random.Random
) -> tuple[list[str], int]:
    """What a client sees that pages to the end while the list changes, and the most calls that a page took."""
    seen: list[str] = []
    after, most = None, 0
    for page in range(500):
        window = await upstream.window(after, size, look_further=True)
        most = max(most, len(upstream.asked))
        seen += window.nodes
        if not window.page_info.has_next_page:
            return seen, most
        after = window.page_info.end_cursor
        before = list(upstream.records)
        if page < MOST_CHANGING_PAGES:
            change(upstream, chance)
        if not set(seen[-MARKED:]) & set(upstream.records):
            # Where all records that a cursor names have left, its place is counted: that much is documented.
            upstream.records = before
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("counts", [False, True], ids=["no total", "a total"])
@pytest.mark.parametrize("size", [1, 3, 7, 20, 60])
@pytest.mark.parametrize("change", [at_the_front, at_the_end, leaving, anywhere])
async def test_what_stays_is_seen_once_whatever_comes_and_leaves(change: Change, size: int, *, counts: bool) -> None:
    for seed in range(25):
        chance = random.Random(seed)  # noqa: S311 - changes of a test, which repeat
        records = [f"record {number}" for number in range(chance.randrange(90))]
        upstream = Upstream(list(records), counts)

        seen, most = await read_to_the_end(upstream, size, change, chance)

        assert len(seen) == len(set(seen)), seed
        stayed = [one for one in records if one in upstream.records]
        assert [one for one in seen if one in stayed] == stayed, seed
        assert most <= MOST_CALLS_WHERE_CHANGED


@pytest.mark.parametrize("size", [1, 3, 20, 60, 100])
@pytest.mark.parametrize("counts", [False, True], ids=["no total", "a total"])
async def test_a_list_that_stands_still_costs_a_call_a_page(size: int, *, counts: bool) -> None:
    upstream = Upstream([f"record {number}" for number in range(120)], counts)

    seen, most = await read_to_the_end(upstream, size, lambda *_: None, random.Random(0))  # noqa: S311 - see above

    assert seen == upstream.records
    assert most == 1


@pytest.mark.parametrize(("size", "cap"), [(10, 30), (30, 30), (40, 30), (3, 20), (3, 3), (2, 2), (1, 1)])
async def test_a_capped_list_that_stands_still_costs_what_it_did_once_the_cap_is_known(size: int, cap: int) -> None:
    upstream = Upstream([f"record {number}" for number in range(100)], counts=True, cap=cap)
    await upstream.window(None, 100, look_further=False)

    seen, most = await read_to_the_end(upstream, size, lambda *_: None, random.Random(0))  # noqa: S311 - see above

    assert seen == upstream.records
    assert most <= 2 + size // cap
    assert all(asked <= cap for _, asked in upstream.asked)


async def test_what_comes_is_noticed_even_where_no_page_is_large_enough_to_look_back() -> None:
    upstream = Upstream([f"record {number}" for number in range(90)], counts=True, cap=30)
    first = await upstream.window(None, 30, look_further=False)
    upstream.caps[UpstreamName.LOGISTICS] = 30
    upstream.records[:0] = ["new 1", "new 2"]

    second = await upstream.window(first.page_info.end_cursor, 30, look_further=False)

    assert list(second.nodes) == [f"record {number}" for number in range(30, 60)]


async def test_where_all_that_a_cursor_names_have_left_its_place_is_counted() -> None:
    upstream = Upstream([f"record {number}" for number in range(90)])
    first = await upstream.window(None, 30, look_further=True)
    del upstream.records[27:30]

    second = await upstream.window(first.page_info.end_cursor, 30, look_further=True)

    assert list(second.nodes) == [f"record {number}" for number in range(33, 63)]
    assert len(upstream.asked) <= MOST_CALLS_WHERE_CHANGED


@pytest.mark.parametrize("reported", [None, 20, 43])
@pytest.mark.parametrize("total", [None, 43])
@pytest.mark.parametrize("size", [1, 20, 43, 60])
async def test_an_upstream_that_gives_all_it_has_for_every_page_is_cut_into_pages(
    reported: int | None, total: int | None, size: int
) -> None:
    class Unpaged(Upstream):
        async def read_page(self, number: int, per_page: int) -> Page:
            self.asked.append((number, per_page))
            return Page(self.records, reported, total)

    upstream = Unpaged([f"record {number}" for number in range(43)])

    seen, most = await read_to_the_end(upstream, size, lambda *_: None, random.Random(0))  # noqa: S311 - see above

    assert seen == upstream.records
    assert most <= MAX_RESIZES + 1


async def test_an_upstream_that_gives_the_same_part_for_every_page_is_a_bad_answer_and_no_endless_list() -> None:
    class Stuck(Upstream):
        async def read_page(self, number: int, per_page: int) -> Page:
            self.asked.append((number, per_page))
            return Page(self.records[:per_page], per_page, None)

    upstream = Stuck([f"record {number}" for number in range(500)])

    with pytest.raises(UpstreamBadAnswer, match="the same page whichever"):
        await read_to_the_end(upstream, 20, lambda *_: None, random.Random(0))  # noqa: S311 - see above


@dataclass
class LittleTasks:
    """Tasks of which the newest comes first; lifetime: one test."""

    tasks: list[str]
    asked: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        query = Request(scope).query_params
        number, size = int(query["page"]), int(query["per_page"])
        ordered = self.tasks if query.get("order", "asc") == "asc" else self.tasks[::-1]
        listed = [{"id": one, "current_status": "complete"} for one in ordered[(number - 1) * size : number * size]]
        await JSONResponse({"meta": {"page": number, "per_page": size}, "tasks": listed})(scope, receive, send)


@asynccontextmanager
async def world_over(upstream: LittleTasks) -> AsyncIterator[World]:
    async with serving(upstream) as url, running_world({**UNCACHED, "GATEWAY_LOGISTICS__URL": url}) as world:
        yield world


async def test_two_new_tasks_do_not_make_the_second_page_repeat_two_of_the_first() -> None:
    upstream = LittleTasks([f"t{number}" for number in range(9)])
    query = """query($after: String) { logisticsTasks(order: DESC, first: 3, after: $after) {
        nodes { taskId } pageInfo { endCursor hasNextPage } } }"""
    seen: list[Any] = []
    async with world_over(upstream) as world:
        page: Any = {"pageInfo": {"endCursor": None}}
        for _ in range(3):
            page = (await world.ask(query, {"after": page["pageInfo"]["endCursor"]})).data["logisticsTasks"]
            seen.append([node["taskId"] for node in page["nodes"]])
            upstream.tasks += [f"new {upstream.asked}", f"newer {upstream.asked}"]

    assert seen == [["t8", "t7", "t6"], ["t5", "t4", "t3"], ["t2", "t1", "t0"]]
    assert upstream.asked == 3
